"""The tab in which a text is written together with the model."""
