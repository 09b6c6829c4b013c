// The field that finds nodes, wherever they are folded.

const MOST_RESULTS = 60;

// What is called so comes before what only its line mentions.
function rank(node, words) {
  const [name, title] = [node.name.toLowerCase(), titleOf(node).toLowerCase()];
  if (words.length === 1 && (name === words[0] || title === words[0])) return 0;
  if (words.every((word) => title.includes(word))) return 1;
  return words.every((word) => `${title} ${node.op} ${node.place}`.includes(word)) ? 2 : 3;
}

class Search {
  constructor(field, list, find, go) {
    Object.assign(this, { field, list, find, go, found: [], at: 0 });
    field.addEventListener("input", () => this.update());
    field.addEventListener("focus", () => this.update());
    field.addEventListener("keydown", (event) => this.key(event));
    field.addEventListener("blur", () => setTimeout(() => this.close(), 150));
  }

  update() {
    const words = this.field.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) {
      this.close();
      return;
    }
    const all = this.find(words);
    this.found = all.slice(0, MOST_RESULTS);
    this.at = 0;
    const entries = this.found.map((item, k) => {
      const about = item.nodes ? aboutGroup(item) : [item.type, item.role, item.place].filter(Boolean).join(" · ");
      const entry = html("li", { id: `result-${k}`, role: "option", pointerdown: (event) => this.pick(event, k) });
      entry.append(html("span", {}, titleOf(item)), " ", html("small", {}, about));
      return entry;
    });
    const rest = all.length - this.found.length;
    const more = !all.length ? "nothing found" : rest ? `and ${rest.toLocaleString("en")} more: add a word` : "";
    if (more) entries.push(html("li", { class: "more", role: "option", "aria-disabled": "true" }, more));
    this.list.replaceChildren(...entries);
    this.list.hidden = false;
    this.field.setAttribute("aria-expanded", "true");
    this.mark();
    say(`${all.length} found`);
  }

  mark() {
    [...this.list.children].forEach((entry, k) => entry.setAttribute("aria-selected", String(k === this.at && k < this.found.length)));
    if (this.found.length) this.field.setAttribute("aria-activedescendant", `result-${this.at}`);
    const entry = this.list.children[this.at];
    if (entry) entry.scrollIntoView({ block: "nearest" });
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.found.length) {
      this.at = (this.at + step + this.found.length) % this.found.length;
      this.mark();
    } else if (event.key === "Enter" && this.found.length && !this.list.hidden) {
      this.choose(this.at);
    } else if (event.key === "Escape") {
      this.field.value = "";
      this.close();
      this.field.blur();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  pick(event, k) {
    event.preventDefault();
    this.choose(k);
  }

  choose(k) {
    const item = this.found[k];
    this.close();
    this.go(item);
  }

  close() {
    this.list.hidden = true;
    this.found = [];
    this.field.setAttribute("aria-expanded", "false");
    this.field.removeAttribute("aria-activedescendant");
  }
}
