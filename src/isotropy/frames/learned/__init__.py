"""Frames that are learned: canonical poses, and distributions of poses and orders."""
