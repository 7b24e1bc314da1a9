"""charts/: the model servers as one chart, and the umbrella of everything."""
