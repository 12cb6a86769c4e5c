"""Secrets on their way in: from the terminal, standard input, a file or a descriptor.

Never from an argument or a variable. They are read into one buffer, which the library wipes when it
takes them; what it does not take is wiped here.
"""

from __future__ import annotations

import os
import stat

from .._reading import not_private, opened
from .failures import Usage
from .missing import named

#: More than the longest passphrase, token or key.
LIMIT = 4096
_END, _RETURN = b"\n\r"

_stdin_used = False


def forget_stdin() -> None:
    """A new call of the command begins."""
    global _stdin_used
    _stdin_used = False


def ask(prompt: str, otherwise: str, *, twice: bool = False) -> memoryview:
    """Ask at the terminal, without an echo; ``otherwise`` says what to do without a terminal."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        raise Usage(f"there is no terminal to ask at: {otherwise}") from None
    import termios

    typed: list[memoryview] = []
    try:
        try:
            _ask_at(terminal, prompt, typed)
            if twice:
                _ask_at(terminal, "Once more: ", typed)
        finally:
            os.close(terminal)
        if typed[0] != typed[-1]:
            raise Usage("the two are not the same: nothing was done")
    except BaseException as error:
        for one in typed:
            wipe(one)
        if isinstance(error, (OSError, termios.error)):
            raise Usage(f"the terminal cannot be asked at: {error.args[-1]}") from None
        raise
    for again in typed[1:]:
        wipe(again)
    return typed[0]


def _ask_at(terminal: int, prompt: str, typed: list[memoryview]) -> None:
    """Ask once; what came is in ``typed``, also where the terminal cannot be left as it was."""
    import termios

    before = termios.tcgetattr(terminal)
    silent = [*before]
    silent[3] = (silent[3] & ~termios.ECHO) | termios.ICANON | termios.ISIG
    try:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, silent)
        os.write(terminal, prompt.encode())
        typed.append(_line(terminal, "the terminal"))
    finally:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, before)
        os.write(terminal, b"\n")


def line_of_stdin() -> memoryview:
    """The next line of standard input; only one secret of a call may come from there."""
    global _stdin_used
    if _stdin_used:
        raise Usage("two secrets cannot both come from standard input: use a file or a descriptor")
    _stdin_used = True
    return _line(0, "standard input")


def line_of_descriptor(number: int) -> memoryview:
    """The next line of a descriptor that the caller opened: ``--passphrase-fd 3 3<file``."""
    if number < 0:
        raise Usage(f"{number} is no descriptor")
    return _line(number, f"descriptor {number}")


def line_of_file(path: str) -> memoryview:
    """The first line of a file that only its owner may read; ``-`` is standard input.

    The file is this user's or root's, and has one name. A pipe of a shell (``<(...)``) serves, too.
    """
    if path == "-":
        return line_of_stdin()
    try:
        descriptor = opened(path, pipe=True)
    except OSError as error:
        raise Usage(f"the secret's file {named(path)} cannot be read: {error.strerror}") from None
    secret = None
    try:
        try:
            status = os.fstat(descriptor)
            reason = "" if stat.S_ISFIFO(status.st_mode) else not_private(status)
            if reason:
                raise Usage(f"the secret's file {path} {reason}")
            secret = _line(descriptor, path)
        finally:
            os.close(descriptor)
    except BaseException as error:
        if secret is not None:
            wipe(secret)
        if isinstance(error, OSError):
            raise Usage(f"the secret's file {path} cannot be read: {error.strerror}") from None
        raise
    return secret


def _line(descriptor: int, where: str) -> memoryview:
    """One line, byte by byte: what comes behind it is not ours.

    The buffer has its whole length from the beginning: one that grows leaves parts of the secret in
    memory that is free. What is given lies in it; whoever takes it wipes it.
    """
    buffer = memoryview(bytearray(LIMIT + 2))
    length = 0
    try:
        while length < len(buffer):
            if os.readv(descriptor, [buffer[length : length + 1]]) == 0 or buffer[length] == _END:
                break
            length += 1
    except OSError as error:
        wipe(buffer)
        raise Usage(f"no secret can be read from {where}: {error.strerror}") from None
    except BaseException:
        wipe(buffer)
        raise
    if length and buffer[length - 1] == _RETURN:
        length -= 1
    if not 0 < length <= LIMIT:
        wipe(buffer)
        raise Usage(
            f"there is no secret in {where}" if not length else f"the secret in {where} is too long"
        )
    return buffer[:length]


def wipe(secret: memoryview) -> None:
    """Overwrite what was read."""
    secret[:] = bytes(len(secret))
