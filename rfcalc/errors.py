"""The one family of errors that rfcalc raises for its users' mistakes."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager


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


@contextmanager
def refusals_of(name: str) -> Iterator[None]:
    """What the system says of a file or a folder as an RfcalcError that names it."""
    try:
        yield
    except OSError as error:
        raise RfcalcError(f"{name}: {error.strerror or error}") from error


def need(package: str, extra: str) -> None:
    """Raises MissingExtra when a package of an extra is not installed; imports nothing. Its message holds the command
    that installs what is missing of the extra into this very Python."""
    from importlib.util import find_spec

    if find_spec(package) is None:
        raise MissingExtra(f"this needs {package}, which is not installed: {install_command(package, extra)}")


def install_command(package: str, extra: str) -> str:
    """What installs the missing packages of an extra into this very Python."""
    return pip_command(missing_of(package, extra))


def pip_command(names: Sequence[str]) -> str:
    """pip by this Python; where it has no pip, as in uv's environments, uv's."""
    import sys
    from importlib.util import find_spec
    from shlex import join, quote

    python = quote(sys.executable or "python")
    pip = f"{python} -m pip install" if find_spec("pip") else f"uv pip install --python {python}"
    return f"{pip} {join(names)}"


DISTRIBUTION = "rfcalc-toolkit"
"""What installs this package (pyproject.toml)."""
DISTRIBUTIONS = {"cv2": "opencv-python-headless", "mlflow": "mlflow-skinny"}
"""Packages that are installed under another name."""


def requirements() -> list[str]:
    """What rfcalc asks for, as its metadata states it; nothing where it runs from a folder."""
    from importlib.metadata import PackageNotFoundError, requires

    try:
        return requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        return []


def installed(name: str) -> str | None:
    """The version of a package that is installed; None of one that is not."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return None


def missing_of(package: str, extra: str) -> list[str]:
    """The requirements of an extra that are not installed, as this distribution's metadata states them."""
    import re

    wanted = [r.partition(";")[0].strip() for r in requirements() if re.search(rf"extra == ['\"]{extra}['\"]", r)]
    named = {r: re.split(r"[^A-Za-z0-9_.-]", r, maxsplit=1)[0] for r in wanted}
    found = [r for r, name in named.items() if installed(name) is None and name != DISTRIBUTION]
    name = DISTRIBUTIONS.get(package, package)
    return found if any(named[r] == name for r in found) else [name, *found]


def unknown_name(name: str, known: Sequence[str], fact: str, nicknames: Mapping[str, str] | None = None) -> str:
    return f"{fact} {name!r}{suggestion(name, known, nicknames)}"


def suggestion(name: str, known: Sequence[str], nicknames: Mapping[str, str] | None = None) -> str:
    """`: did you mean …?` by case, by what people call it, or by like letters; empty where nothing is near."""
    from difflib import get_close_matches

    near = [other for other in known if other.lower() == name.lower()]
    meant = (nicknames or {}).get(name.lower(), "")
    near += [meant] if meant in known else []
    near = near or get_close_matches(name, known[:5000], 1, 0.5)
    return f": did you mean {near[0]}?" if near else ""


def place(path: str, line: int | None = None) -> str:
    """`file:line: `, as much of it as is known."""
    parts = [path] if path else []
    if line is not None:
        parts.append(str(line) if path else f"line {line}")
    return ":".join(parts) + ": " if parts else ""


def first_line(error: Exception) -> str:
    """What an error of another library says, in a line; its name where it says nothing.

    >>> first_line(ValueError("no such size\\nat line 3")), first_line(KeyError())
    ('no such size', 'KeyError')
    """
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def listed(names: list[str]) -> str:
    """Names in a sentence; of many, the first and the last.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    if len(names) > 8:
        names = [*names[:4], f"… {len(names) - 5} more …", names[-1]]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
