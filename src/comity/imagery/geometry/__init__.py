"""Where the pixels of an image look: rigorous cameras, RPCs, relief and geoid, control points."""
