"""From looks to figures per cell: light, merging over satellites, gaps and waits."""
