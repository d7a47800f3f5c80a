"""What comes next: the candidates after every stage, while the knobs turn."""
