"""Clouds in parts that move each by itself: partitions, and the parts that several poses show."""
