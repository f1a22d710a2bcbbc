"""What a damaged database file still holds is saved."""

from __future__ import annotations

import pytest

from orion_like.errors import CorruptedDatabaseError, DatabaseError
from orion_like.storage import PickledDB
from orion_like.storage.database.records import HEADER_SIZE
from orion_like.storage.salvage import salvage

WORDS = [f"word {number}" for number in range(20)]


@pytest.fixture
def damaged(tmp_path):
    """A database of twenty documents, and where the record of each begins."""
    path = tmp_path / "damaged.pkl"
    ends = []
    with PickledDB(host=str(path)) as database:
        for word in WORDS:
            database.insert("words", {"word": word})
            ends.append(path.stat().st_size)
    return path, ends


def spoil(path, offset, data=b"\xff"):
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def words_in(path):
    with PickledDB(host=str(path)) as database:
        return [document["word"] for document in database.find("words")]


def test_all_but_a_broken_record_is_saved(damaged, tmp_path):
    path, ends = damaged
    spoil(path, ends[6] - 3)
    with pytest.raises(CorruptedDatabaseError):
        words_in(path)

    found = salvage(path, tmp_path / "new.pkl")

    assert words_in(tmp_path / "new.pkl") == WORDS[:6] + WORDS[7:]
    assert found.documents == {"words": 19}
    (loss,) = found.losses
    assert (loss.offset, loss.size) == (ends[5], ends[6] - ends[5])
    assert "checksum" in loss.what


def test_records_are_found_again_after_a_spoilt_length(damaged, tmp_path):
    path, ends = damaged
    spoil(path, ends[6], b"\xff\xff\xff")

    found = salvage(path, tmp_path / "new.pkl")

    assert words_in(tmp_path / "new.pkl") == WORDS[:7] + WORDS[8:]
    assert [(loss.offset, loss.size) for loss in found.losses] == [(ends[6], ends[7] - ends[6])]


def test_a_spoilt_header_costs_no_document(damaged, tmp_path):
    path, _ = damaged
    spoil(path, 2, b"\x00" * 20)

    found = salvage(path, tmp_path / "new.pkl")

    assert words_in(tmp_path / "new.pkl") == WORDS
    assert (found.losses[0].offset, found.losses[0].size) == (0, HEADER_SIZE)


def test_a_record_that_was_cut_short_is_told(damaged, tmp_path):
    path, ends = damaged
    with path.open("r+b") as file:
        file.truncate(ends[-1] - 5)

    found = salvage(path, tmp_path / "new.pkl")

    assert words_in(tmp_path / "new.pkl") == WORDS[:-1]
    assert len(found.losses) == 1


def test_a_whole_file_loses_nothing_and_stays_usable(damaged, tmp_path):
    path, _ = damaged
    with PickledDB(host=str(path)) as database:
        database.ensure_index("words", "word", unique=True)
    before = path.read_bytes()

    found = salvage(path, tmp_path / "new.pkl")

    assert found.losses == []
    assert path.read_bytes() == before
    with PickledDB(host=str(tmp_path / "new.pkl")) as database:
        with pytest.raises(DatabaseError):
            database.insert("words", {"word": WORDS[0]})
        database.insert("words", {"word": "new"})
        assert database.count("words") == 21


@pytest.mark.parametrize("content", [b"", b"to do: buy milk\n" * 50, b"cos\nsystem\n(S'true'\ntR."])
def test_a_file_that_is_no_database_holds_nothing(tmp_path, content):
    (tmp_path / "notes").write_bytes(content)

    with pytest.raises(DatabaseError, match="nothing in"):
        salvage(tmp_path / "notes", tmp_path / "new.pkl")
    assert not (tmp_path / "new.pkl").exists()


def test_nothing_is_overwritten(damaged, tmp_path):
    path, _ = damaged

    with pytest.raises(DatabaseError, match="exists already"):
        salvage(path, path)


def test_a_missing_file_cannot_be_salvaged(tmp_path):
    with pytest.raises(DatabaseError, match="cannot be read"):
        salvage(tmp_path / "none.pkl", tmp_path / "new.pkl")
