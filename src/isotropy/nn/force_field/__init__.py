"""Energies and forces of molecules, by equivariant messages and many-body products on the sphere."""
