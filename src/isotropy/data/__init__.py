"""Typed data: a registry by name, files with a schema, and problems whose symmetries are known."""

from __future__ import annotations

from isotropy.data import synthetic
from isotropy.data._dataset import Dataset
from isotropy.data._files import load_file, save
from isotropy.data._graphs import GraphSet, load_exp, load_graph8c, load_sr25, read_graph6
from isotropy.data._load import load
from isotropy.data._mirror import DataNotFoundError
from isotropy.data._molecules import Molecules, load_molecules, read_molecules
from isotropy.data._registry import Entry, Verification, list_datasets, verify
from isotropy.data._schema_file import read_schema
from isotropy.data._xyz import Structure, read_xyz

__all__ = [
    "DataNotFoundError",
    "Dataset",
    "Entry",
    "GraphSet",
    "Molecules",
    "Structure",
    "Verification",
    "list_datasets",
    "load",
    "load_exp",
    "load_file",
    "load_graph8c",
    "load_molecules",
    "load_sr25",
    "read_graph6",
    "read_molecules",
    "read_schema",
    "read_xyz",
    "save",
    "synthetic",
    "verify",
]
