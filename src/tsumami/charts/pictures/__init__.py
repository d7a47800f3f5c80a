"""Charts as pictures, by Altair: they show in notebooks, and save as PNG and SVG without a browser or the network."""
