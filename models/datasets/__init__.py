"""Where images and labels come from: MNIST, files in several formats, pictures, the network."""
