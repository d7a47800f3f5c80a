"""The tab "history": everything that was kept, found again and opened."""
