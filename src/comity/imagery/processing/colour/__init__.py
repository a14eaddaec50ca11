"""What sharpening and mosaicking do to arrays; the steps from file to file stand one level up."""
