"""Convolutions over groups of linear maps and translations: pictures and voxels that may be turned, stretched, sheared.

A group R^n x| H is integrated over by draws from a measure on H (`_samples`); kernels are continuous functions of a
place and of global coordinates of H (`_chart`, `_kernel`), evaluated where the draws say (`_layers`).
"""
