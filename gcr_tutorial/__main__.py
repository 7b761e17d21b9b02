"""`python -m gcr_tutorial COMMAND`: see `gcr_tutorial.cli`."""

import sys

if __name__ == "__main__":
    try:
        from gcr_tutorial.cli import main
    except ModuleNotFoundError as missing:  # of a package that reading the options needs: the doctor needs fewer
        from gcr_tutorial.doctor import run_doctor

        print(f"error: {missing}; what the doctor says of this environment:", file=sys.stderr)
        sys.exit(run_doctor() or 2)
    sys.exit(main())
