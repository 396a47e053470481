"""What exact layers are made of, and soft ones too: the starts of weights, places of copies, maps of centroids."""

from isotropy.nn._copies import copies as copies
from isotropy.nn._copies import dimensions as dimensions
from isotropy.nn._copies import size as size
from isotropy.nn._linear import balanced as balanced
from isotropy.nn._linear import orthogonal as orthogonal
from isotropy.nn._points import centroid_map as centroid_map
from isotropy.nn._points import centroids as centroids
from isotropy.nn._points import moved_points as moved_points
