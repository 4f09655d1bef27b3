"""Files: written whole or not at all, in place of nothing but regular files."""

import os
import signal
import socket
import subprocess
import sys
import threading

import pytest
from sklearn.linear_model import LogisticRegression

from skimbalance._page import write_page
from skimbalance._page.files import check_replaceable, replacing
from skimbalance.persistence import save_model

WRITERS = {
    "page": lambda path: write_page(path, "text"),
    "model": lambda path: save_model(LogisticRegression().fit([[0], [1]], [0, 1]), path),
}


def pipe(path):
    os.mkfifo(path)


def unix_socket(path):
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(path))


OTHERS = {"a named pipe": pipe, "a socket": unix_socket, "a folder": os.mkdir}


@pytest.mark.parametrize("linked", [False, True], ids=["itself", "link"])
@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("writer", WRITERS)
def test_what_is_no_regular_file_is_refused_and_stays(writer, kind, linked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # paths of sockets are short
    OTHERS[kind]("other")
    before = os.stat("other")
    if linked:
        os.symlink("other", "link")
    path = "link" if linked else "other"
    with pytest.raises(
        ValueError, match=f"must name a regular file. Got '{path}', which is {kind}"
    ):
        WRITERS[writer](path)
    assert os.path.samestat(os.stat("other"), before)
    assert sorted(os.listdir()) == ["link", "other"][1 - linked :]


@pytest.mark.parametrize("link", [os.link, os.symlink, None])
def test_a_file_that_is_still_to_be_read_is_not_replaced(link, tmp_path):
    table, out = tmp_path / "table", tmp_path / "out"
    table.write_text("rows")
    out = link(table, out) or out if link else table
    with pytest.raises(ValueError, match="The out must name another file than the table"):
        check_replaceable(out, {"the table": table}, "The out")
    (tmp_path / "copy").write_text("rows")
    check_replaceable(tmp_path / "copy", {"the table": table})
    check_replaceable(tmp_path / "new", {"the table": table, "the model": tmp_path / "none"})


def test_files_are_replaced_and_links_stay(tmp_path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("new")
    for name, target in (("file", "file"), ("link", "file"), ("dangling", "new")):
        with replacing(tmp_path / name) as draft:
            draft.write_text(name)
        assert (tmp_path / target).read_text() == name
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "dangling").is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["dangling", "file", "link", "new"]


def test_drafts_in_use_and_foreign_files_stay(tmp_path):
    others = [".b.txt.01234567.tmp", ".a.txt.0123456x.tmp", "a.txt.01234567.tmp", ".a.txt.tmp"]
    for name in others:
        (tmp_path / name).write_text("foreign")
    old = tmp_path / ".a.txt.01234567.tmp"
    with replacing(tmp_path / "a.txt") as first, replacing(tmp_path / "a.txt") as second:
        old.write_text("of a process that was killed")
        first.write_text("1")
        second.write_text("2")
        with replacing(tmp_path / "a.txt") as third:
            third.write_text("3")
        assert not old.exists()
        assert first.exists()
        assert second.exists()
    assert (tmp_path / "a.txt").read_text() == "1"
    assert sorted(os.listdir(tmp_path)) == sorted([*others, "a.txt"])


def test_saving_in_many_threads_loses_no_draft(tmp_path):
    def save():
        try:
            for _ in range(30):
                with replacing(tmp_path / "a") as draft:
                    draft.write_text("whole")
        except Exception as error:
            failed.append(error)

    failed = []
    threads = [threading.Thread(target=save) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.slow
def test_the_draft_of_a_killed_process_is_removed_by_the_next_save(tmp_path):
    code = (
        "import sys\nfrom skimbalance._page.files import replacing\n"
        "with replacing(sys.argv[1]) as draft:\n"
        "    draft.write_text('half')\n    print('ready', flush=True)\n    sys.stdin.read()"
    )
    path = tmp_path / "a"
    argv = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        write_page(path, "new")
        assert len(os.listdir(tmp_path)) == 2  # its draft is in use
        process.send_signal(signal.SIGKILL)
    assert len(os.listdir(tmp_path)) == 2
    write_page(path, "new")
    assert os.listdir(tmp_path) == ["a"]
