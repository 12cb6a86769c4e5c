"""What this package writes lands where its user meant it, also in a folder that others write to."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from tracevault._lines import LineFile
from tracevault._place import Foreign, Place
from tracevault.cli.failures import Usage
from tracevault.cli.new_unlock import make_key_file
from tracevault.cli.page_file import html_option, replace_file
from tracevault.cli.rows_file import RowsFile
from tracevault.errors import JournalError

#: Somebody else. What belongs to him is made by root and given away.
STRANGER = 65534

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of another user")


def page(path: Path) -> None:
    replace_file(str(path), "of a customer")


def journal(path: Path) -> None:
    LineFile(path, "of a customer").close()


def rows(path: Path) -> None:
    file = RowsFile(str(path))
    file.append(b"of a customer\n")
    file.close()


def key(path: Path) -> None:
    if not make_key_file(str(path)):
        raise Usage("it is there already")


Write = Callable[[Path], None]
writers = pytest.mark.parametrize("write", [page, journal, rows, key])
REFUSALS = (Usage, JournalError, Foreign)


def given_away(path: Path) -> Path:
    os.chown(path, STRANGER, STRANGER, follow_symlinks=False)
    return path


def link(path: Path, target: Path) -> Path:
    path.symlink_to(target)
    return path


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder like /tmp, beside the files that nobody may be led to."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


@only_root
@writers
@pytest.mark.parametrize("there", [True, False])
def test_no_link_of_another_user_leads_anywhere(
    write: Write, there: bool, tmp_path: Path, shared: Path
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    precious = mine / "precious"
    if there:
        precious.touch(mode=0o600)
    to_file = given_away(link(shared / "to_file", precious))
    to_folder = given_away(link(shared / "to_folder", mine))
    behind_mine = link(tmp_path / "behind_mine", to_file)
    through_mine = link(tmp_path / "through_mine", to_folder)
    for path in (to_file, to_folder / "precious", behind_mine, through_mine / "precious",
                 shared / ".." / "shared" / "to_folder" / "precious"):  # fmt: skip
        with pytest.raises(REFUSALS):
            write(path)
        assert precious.exists() == there, path
        assert not there or precious.read_bytes() == b"", path
    assert [one.name for one in mine.iterdir()] == ["precious"] * there


@only_root
@pytest.mark.parametrize("write", [page, journal, rows])
def test_nothing_is_written_into_a_pipe_of_another_user(write: Write, shared: Path) -> None:
    pipe = shared / "pipe"
    os.mkfifo(pipe)
    pipe.chmod(0o666)
    reader = os.open(given_away(pipe), os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(REFUSALS):
            write(pipe)
        assert os.read(reader, 1) == b""
    finally:
        os.close(reader)


@only_root
@pytest.mark.parametrize("write", [journal, rows])
def test_nothing_is_added_to_a_file_of_another_user(write: Write, shared: Path) -> None:
    theirs = shared / "theirs"
    theirs.touch()
    theirs.chmod(0o666)
    with pytest.raises(REFUSALS):
        write(given_away(theirs))
    assert theirs.read_bytes() == b""


@pytest.mark.parametrize("write", [journal, rows])
def test_nothing_is_added_to_a_file_that_has_a_second_name(
    write: Write, tmp_path: Path, shared: Path
) -> None:
    precious = tmp_path / "precious"
    precious.touch(mode=0o600)
    os.link(precious, shared / "second")
    with pytest.raises(REFUSALS):
        write(shared / "second")
    assert precious.read_bytes() == b""


@pytest.mark.parametrize("write", [page, journal, rows])
def test_ones_own_links_are_followed(write: Write, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    link(tmp_path / "to_folder", Path("folder"))
    link(tmp_path / "folder/name", tmp_path / "folder/file")
    write(tmp_path / "to_folder/name")
    assert b"of a customer" in (tmp_path / "folder/file").read_bytes()
    assert stat.S_IMODE((tmp_path / "folder/file").stat().st_mode) == 0o600
    assert (tmp_path / "folder/name").is_symlink()


def test_a_page_goes_into_ones_own_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    told: list[str] = []
    reader = threading.Thread(target=lambda: told.append(pipe.read_text()))
    reader.start()
    page(pipe)
    reader.join()
    assert told == ["of a customer"]


def test_a_page_goes_into_a_descriptor_that_is_open(tmp_path: Path) -> None:
    with open(tmp_path / "file", "wb") as file:
        page(Path(f"/dev/fd/{file.fileno()}"))
    assert (tmp_path / "file").read_text() == "of a customer"


def row_into_what_is_open(path: Path) -> None:
    """The next row would look for its file anew, and follow a link of one's own."""
    file = RowsFile(str(path))
    file._write(b"of a customer\n")
    file.close()


@pytest.mark.parametrize("write", [page, row_into_what_is_open])
def test_a_link_that_comes_behind_the_look_is_not_followed(
    write: Write, tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    precious = tmp_path / "precious"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    look, check = Place.status, Place._check
    looked: list[os.stat_result | None] = []
    targets: list[Path] = []

    def exchange() -> None:
        (shared / "name").unlink(missing_ok=True)
        (shared / "name").symlink_to(targets[0])

    def exchanging(place: Place) -> os.stat_result | None:
        looked.append(look(place))
        exchange()
        return looked[-1]

    def exchanging_what_is_held(place: Place, status: os.stat_result) -> None:
        looked.append(status)
        check(place, status)
        exchange()

    monkeypatch.setattr(Place, "status", exchanging)
    monkeypatch.setattr(Place, "_check", exchanging_what_is_held)
    own_readers: list[int] = []
    for target, was in ((precious, "file"), (pipe, "file"), (precious, "pipe"), (pipe, "pipe")):
        targets[:] = [target]
        precious.write_text("what was there")
        (shared / "name").unlink(missing_ok=True)
        if was == "file":
            (shared / "name").touch()
        else:
            os.mkfifo(shared / "name", 0o600)
            own_readers.append(os.open(shared / "name", os.O_RDONLY | os.O_NONBLOCK))
        try:
            write(shared / "name")
        except OSError:
            assert (shared / "name").is_symlink()
        assert precious.read_text() == "what was there"
    try:
        assert os.read(reader, 1) == b""
    finally:
        for one in (reader, *own_readers):
            os.close(one)
    assert looked


def wrong_places(folder: Path) -> list[str]:
    """Where a stranger can write no page, below a folder that everybody may enter."""
    for name, mode in (("folder", 0o755), ("closed", 0o755), ("sticky", 0o1777)):
        (folder / name).mkdir()
        (folder / name).chmod(mode)
        (folder / name / "page").touch()
    given_away(folder / "closed/page")
    for name in ("pipe", "own_pipe"):
        os.mkfifo(folder / name)
    (folder / "pipe").chmod(0o666)
    os.chown(folder / "pipe", STRANGER + 1, STRANGER)
    os.chown(folder / "sticky/page", STRANGER + 1, STRANGER)
    given_away(folder / "own_pipe").chmod(0o400)
    return ["folder", "pipe", "own_pipe", "closed/page", "closed/new", "sticky/page",
            "closed/page/below", "no/page"]  # fmt: skip


@only_root
def test_what_the_writing_of_a_page_refuses_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o755)
    places = wrong_places(tmp_path)
    for one in ("closed/page", "sticky/page"):
        (tmp_path / one).chmod(0o666)
    os.seteuid(STRANGER)
    try:
        for path in places:
            with pytest.raises(Usage) as early:
                can_be_written(path)
            with pytest.raises((Usage, OSError)) as late:
                replace_file(path, "of a customer")
            for told in (str(early.value), str(late.value)):
                assert path in told or os.path.dirname(path) in told or path.startswith("no/")
                assert ".tracevault." not in told
    finally:
        os.seteuid(0)


@only_root
def test_what_the_writing_of_a_page_takes_is_taken_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given_away(tmp_path)
    for name, mode in (("mine", 0o400), ("of_root", 0o600)):
        (tmp_path / name).touch(mode=mode)
    given_away(tmp_path / "mine")
    os.mkfifo(tmp_path / "pipe")
    given_away(tmp_path / "pipe")
    os.seteuid(STRANGER)
    try:
        for path in ("mine", "of_root", "new", "/dev/null"):
            assert can_be_written(path) == path
            replace_file(path, "of a customer")
        assert can_be_written("pipe") == "pipe", "nobody reads it yet"
    finally:
        os.seteuid(0)


def can_be_written(path: str) -> str | None:
    """The early look, as the option does it."""
    option = next(one for one in html_option(click.command()(str)).params if one.name == "html")
    taken: str | None = option.process_value(click.Context(click.Command("x")), path)
    return taken


def test_an_error_names_the_whole_path(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file/below", tmp_path / "no/below", tmp_path / ("x" * 300)):
        with pytest.raises(OSError, match="Errno") as told:
            page(path)
        assert told.value.filename == str(path)


#: A page of before, as far as it is looked at.
BEFORE = "<!doctype html><title>a case · TraceVault</title>"


def folder_of_others(tmp_path: Path, how: str) -> Path:
    """A folder in which another user may give the name of one file to another, or to a folder."""
    above = tmp_path / "above"
    folder = above / "folder"
    folder.mkdir(parents=True)
    folder.chmod({"for all": 0o777, "for a group": 0o775}.get(how, 0o755))
    if how == "above":
        above.chmod(0o777)
    if how == "of another":
        given_away(folder)
    return folder


shared_with_others = pytest.mark.parametrize(
    "how", ["for all", "for a group", "above", pytest.param("of another", marks=only_root)]
)


@shared_with_others
@pytest.mark.parametrize("was", ["", BEFORE])
def test_a_page_takes_over_no_rights_that_another_user_may_have_chosen(
    tmp_path: Path, how: str, was: str
) -> None:
    """He renames a file that its owner let others read, and reads what is written next."""
    path = folder_of_others(tmp_path, how) / "case.html"
    path.write_text(was)
    path.chmod(0o644)
    page(path)
    assert path.read_text() == "of a customer"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_page_keeps_its_rights_and_takes_none_of_an_empty_file(tmp_path: Path) -> None:
    for was, mode in ((BEFORE, 0o644), ("", 0o600)):
        path = tmp_path / f"{mode:o}"
        path.write_text(was)
        path.chmod(0o644)
        page(path)
        assert stat.S_IMODE(path.stat().st_mode) == mode


@shared_with_others
@pytest.mark.parametrize("mode", [0o644, 0o622, 0o640])
def test_no_rows_go_where_another_user_may_have_put_what_he_can_open(
    tmp_path: Path, how: str, mode: int
) -> None:
    path = folder_of_others(tmp_path, how) / "rows.jsonl"
    path.touch()
    path.chmod(mode)
    with pytest.raises(Foreign, match="chmod go= it"):
        rows(path)
    assert path.read_bytes() == b""
    path.chmod(0o600)
    rows(path)
    assert path.read_bytes() == b"of a customer\n"


def test_such_a_file_that_comes_later_takes_no_row_either(tmp_path: Path) -> None:
    folder = folder_of_others(tmp_path, "for all")
    (folder / "other").touch(0o644)
    file = RowsFile(str(folder / "rows.jsonl"))
    file.append(b"one\n")
    (folder / "other").rename(folder / "rows.jsonl")
    with pytest.raises(Foreign):
        file.append(b"two\n")
    file.close()
    assert (folder / "rows.jsonl").read_bytes() == b""


@shared_with_others
def test_no_pipe_is_written_into_that_another_user_may_have_put_there(
    tmp_path: Path, how: str
) -> None:
    pipe = folder_of_others(tmp_path, how) / "case.html"
    os.mkfifo(pipe)
    pipe.chmod(0o644)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        for write in (page, rows, lambda path: can_be_written(str(path))):
            with pytest.raises(REFUSALS):
                write(pipe)
        assert os.read(reader, 1) == b""
    finally:
        os.close(reader)


@only_root
def test_a_pipe_that_comes_behind_the_look_holds_nobody_up(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shared / "name"
    path.touch()
    look = Place._check

    def exchanging(place: Place, status: os.stat_result) -> None:
        look(place, status)
        if path.is_file():
            path.rename(shared / "aside")
            os.mkfifo(path)
            given_away(path)

    def refused() -> None:
        with pytest.raises(Foreign):
            rows(path)
        ended.set()

    monkeypatch.setattr(Place, "_check", exchanging)
    ended = threading.Event()
    threading.Thread(target=refused, daemon=True).start()
    assert ended.wait(20), "somebody waits for a reader of a stranger's pipe"
    assert (shared / "aside").read_bytes() == b""


def test_a_file_that_is_exchanged_again_and_again_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exchanged(*_: object) -> int:
        raise FileExistsError

    monkeypatch.setattr(Place, "made", exchanged)
    with Place(tmp_path / "name") as place, pytest.raises(OSError, match="again and again"):
        place.opened(os.O_WRONLY)


def test_links_without_an_end_and_folders_are_told(tmp_path: Path) -> None:
    link(tmp_path / "round", tmp_path / "round")
    with pytest.raises(OSError, match="links"):
        Place(tmp_path / "round")
    with Place(f"{tmp_path}/.") as place, pytest.raises(IsADirectoryError):
        place.opened(os.O_WRONLY)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_page_is_written_where_the_file_system_has_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def none(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    left = tmp_path / f".tracevault.{'0' * 16}"
    left.write_text("perhaps of a process that is writing")
    monkeypatch.setattr("tracevault._place.fcntl.flock", none)
    for text in ("one", "two"):
        replace_file(str(tmp_path / text), text)
        assert (tmp_path / text).read_text() == text
    assert {one.name for one in tmp_path.iterdir()} == {"one", "two", left.name}


def test_a_new_file_that_was_cleared_up_before_it_was_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Place.made
    names: list[str] = []

    def cleared(place: Place, flags: int, name: str | None = None) -> int:
        assert name is not None
        descriptor = made(place, flags, name)
        names.append(name)
        if len(names) == 1:
            place.remove(name)
        return descriptor

    monkeypatch.setattr(Place, "made", cleared)
    replace_file(str(tmp_path / "page"), "text")
    assert (tmp_path / "page").read_text() == "text"
    assert len(names) == 2
