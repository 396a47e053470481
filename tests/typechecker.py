"""beartype as the tests use it: an int is a float, as PEP 484 has it and as pyright reads annotations."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
