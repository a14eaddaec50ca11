"""Level 0: what comes down from a camera, as CCSDS space packets, and what the ground knows to read it."""
