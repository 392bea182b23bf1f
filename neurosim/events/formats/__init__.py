"""How is each format of recordings recognised and decoded? One module per format."""
