"""The methods under comparison: their keys in jobs, and their names in tables."""

METHODS = {
    "plain": "PointNet, raw coordinates",
    "naive": "naive MDS, signs as they come",
    "svd_flip": "MDS, svd_flip signs",
    "moment": "Tinv, moment signs",
    "augment": "Tinv, random signs, mean of 8",
    "frame": "frame averaging, all 8 signs",
    "signnet": "Tinv, SignNet",
}
"""Classifiers of clouds."""
VIEWS = {
    "raw": "AM, raw coordinates",
    "centred": "AM, centre + divide by max",
    "minmax": "AM, min-max to the unit square",
    "invariant": "Tinv-AM",
}
"""What the attention model is shown."""
POSED = ("plain", "naive", "moment")
"""Classifiers trained on turned clouds too; to the others turned clouds are the same clouds."""
COSTLY = ("frame",)
"""Classifiers that run eight copies of every cloud in training, and are trained from fewer seeds."""
