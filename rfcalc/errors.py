"""The one family of errors that rfcalc raises for its users' mistakes."""


class RfcalcError(Exception):
    """Anything the user can mend; the command line prints it without a traceback."""


class ShapeError(RfcalcError):
    """A layer that cannot take the map it is given: the bare fact, with its numbers; the walk adds the place."""


class SettingError(RfcalcError):
    """A setting with a value that it cannot have: the bare fact; the reader of the spec adds the place."""


class SpecError(RfcalcError):
    """Everything found wrong with one spec, a line for each problem: `file:line: layer (operation): fact`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class MissingExtra(RfcalcError):
    """A verb that needs packages which are not installed; says what to install."""


def need(package: str, extra: str) -> None:
    """Raises MissingExtra when a package of an extra is not installed; imports nothing."""
    from importlib.util import find_spec

    if find_spec(package) is None:
        raise MissingExtra(f"this needs {package}, which is not installed: pip install 'rfcalc[{extra}]'")
