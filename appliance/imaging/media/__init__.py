"""What leaves the box in a person's hand: original files, pictures, paper, media."""
