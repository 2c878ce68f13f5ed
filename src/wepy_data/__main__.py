"""The command line as `python -m wepy_data`."""

from wepy_data.cli import main

if __name__ == "__main__":
    main(prog_name="wepy-data")
