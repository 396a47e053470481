"""Coordinates that no similarity changes, and the frame behind them."""
