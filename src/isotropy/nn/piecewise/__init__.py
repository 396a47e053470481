"""Networks for clouds in parts that move each by itself, with parts that nobody gave."""
