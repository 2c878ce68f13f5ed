"""The command `wepy` as `python -m wepy`."""

from wepy.cli import main

main(prog_name="wepy")
