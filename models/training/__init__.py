"""What the programs share around a model: options, progress, stopping, saving, plots, the end."""
