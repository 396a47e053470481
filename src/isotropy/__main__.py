"""``python -m isotropy``: the command line, where no script of that name is on the path."""

from isotropy.cli import main

if __name__ == "__main__":
    main()
