// Panning and zooming: which part of the picture the window shows.

class Camera {
  constructor(stage, scene) {
    Object.assign(this, { stage, scene, x: 0, y: 0, scale: 1, pointers: new Map(), moved: 0 });
    stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    stage.addEventListener("pointerdown", (event) => this.press(event));
    stage.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, (event) => this.release(event));
  }

  get size() {
    return this.stage.getBoundingClientRect();
  }

  show() {
    this.scene.setAttribute("transform", `translate(${round(this.x)},${round(this.y)}) scale(${+this.scale.toPrecision(5)})`);
    this.stage.classList.toggle("far", this.scale < 0.42);
    this.stage.classList.toggle("farther", this.scale < 0.16);
  }

  // Zoom about a point of the window, by default its middle.
  zoom(factor, x = this.size.width / 2, y = this.size.height / 2) {
    const scale = Math.min(6, Math.max(0.002, this.scale * factor));
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.show();
  }

  fit(width, height) {
    const { width: wide, height: high } = this.size;
    this.scale = fitScale(width, height, wide, high);
    this.x = (wide - width * this.scale) / 2;
    this.y = Math.max(12, (high - 22 - height * this.scale) / 2);
    this.show();
  }

  // Move as little as brings a box into the window.
  follow({ x, y, width, height }, margin = 16) {
    const { width: wide, height: high } = this.size;
    const into = (low, length, room) => Math.max(margin - low, Math.min(0, room - margin - low - length));
    this.x += into(this.x + x * this.scale, width * this.scale, wide);
    this.y += into(this.y + y * this.scale, height * this.scale, high);
    this.show();
  }

  centre({ x, y, width, height }) {
    const { width: wide, height: high } = this.size;
    this.x = wide / 2 - (x + width / 2) * this.scale;
    this.y = high / 2 - (y + height / 2) * this.scale;
    this.show();
  }

  wheel(event) {
    event.preventDefault();
    const box = this.size;
    const lines = event.deltaMode === 1 ? 18 : 1;
    if (event.shiftKey) {
      this.x -= (event.deltaX || event.deltaY) * lines;
      this.show();
      return;
    }
    const step = Math.max(-120, Math.min(120, event.deltaY * lines));
    this.zoom(Math.exp(-step * (event.ctrlKey ? 0.012 : 0.0022)), event.clientX - box.left, event.clientY - box.top);
  }

  press(event) {
    this.pointers.set(event.pointerId, event);
    if (this.pointers.size === 1) this.moved = 0;
  }

  // One pointer moves the picture; two zoom it as well.
  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const others = [...this.pointers.values()].filter((pointer) => pointer.pointerId !== event.pointerId);
    const parts = others.length + 1;
    const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
    this.moved += Math.abs(dx) + Math.abs(dy);
    if (this.moved > 4 && !this.stage.hasPointerCapture(event.pointerId)) {
      this.stage.setPointerCapture(event.pointerId);
      this.stage.classList.add("moving");
    }
    this.x += dx / parts;
    this.y += dy / parts;
    if (others.length) {
      const distance = (a) => Math.hypot(a.clientX - others[0].clientX, a.clientY - others[0].clientY);
      const box = this.size;
      const x = (event.clientX + others[0].clientX) / 2 - box.left;
      const y = (event.clientY + others[0].clientY) / 2 - box.top;
      this.zoom(distance(event) / Math.max(1, distance(before)), x, y);
    }
    this.pointers.set(event.pointerId, event);
    this.show();
  }

  release(event) {
    this.pointers.delete(event.pointerId);
    this.stage.classList.remove("moving");
  }
}

function fitScale(width, height, wide, high) {
  return Math.max(0.002, Math.min(1.15, (wide - 40) / width, (high - 64) / height));
}
