"""Typed data: a registry by name, files with a schema, and problems whose symmetries are known."""

from __future__ import annotations

from isotropy.data import synthetic
from isotropy.data._batches import Batches, Moved
from isotropy.data._cities import Instance, load_tours, rounded
from isotropy.data._dataset import Dataset
from isotropy.data._door import Types as Types
from isotropy.data._door import admitted as admitted
from isotropy.data._door import enough_units as enough_units
from isotropy.data._door import numbered as numbered
from isotropy.data._files import load_file, read_schema, save
from isotropy.data._graphs import GraphSet, load_exp, load_graph8c, load_sr25, read_graph6
from isotropy.data._mirror import DataNotFoundError
from isotropy.data._molecules import Boxes, Molecules, load_molecules, read_molecules
from isotropy.data._registry import Entry, Verification, list_datasets, load, verify
from isotropy.data._rows import Clouds, Rows, along
from isotropy.data._shapes import load_particles, load_shapes, read_modelnet
from isotropy.data._surfaces import Surface, load_surfaces
from isotropy.data._xyz import Structure, read_xyz

__all__ = [
    "Batches",
    "Boxes",
    "Clouds",
    "DataNotFoundError",
    "Dataset",
    "Entry",
    "GraphSet",
    "Instance",
    "Molecules",
    "Moved",
    "Rows",
    "Structure",
    "Surface",
    "Verification",
    "along",
    "list_datasets",
    "load",
    "load_exp",
    "load_file",
    "load_graph8c",
    "load_molecules",
    "load_particles",
    "load_shapes",
    "load_sr25",
    "load_surfaces",
    "load_tours",
    "read_graph6",
    "read_modelnet",
    "read_molecules",
    "read_schema",
    "read_xyz",
    "rounded",
    "save",
    "synthetic",
    "verify",
]
