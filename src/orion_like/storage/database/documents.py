"""The documents of a collection by ``_id``, those that rest packed, those that move as dicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, overload

from orion_like.storage.database.base import Document
from orion_like.storage.database.packing import SIZE, Pack, Packed, packed
from orion_like.storage.database.values import MISSING, copied

Block = tuple[list[Packed], list[int]]
"""Packs, and for each document in order the number of the pack that holds the next of it."""

_WORTH_KEEPING: Final = SIZE // 2  # documents in a block that is taken over as it is


class Documents:
    """Documents in order of insertion.

    A packed document is built anew each time it is asked for, so it costs microseconds but no
    memory. Replacing it puts a dict in its place.
    """

    def __init__(self) -> None:
        self._places: dict[Any, Document | int] = {}  # of a packed one its pack and row
        self._packs: list[Pack] = []
        self._blocks: list[Block] = []  # as they were read
        self._block_of: list[int] = []  # by pack
        self._broken: set[int] = set()  # blocks of which documents were replaced or removed

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, identity: object) -> bool:
        return identity in self._places

    def __iter__(self) -> Iterator[Any]:
        return iter(self._places)

    def __getitem__(self, identity: Any) -> Document:
        place = self._places[identity]
        return self._unpacked(place) if isinstance(place, int) else place

    def get(self, identity: Any) -> Document | None:
        """Return a document, or None; it must not be changed."""
        place = self._places.get(identity)
        return self._unpacked(place) if isinstance(place, int) else place

    def _unpacked(self, place: int) -> Document:
        return self._packs[place // SIZE].document(place % SIZE)

    def __setitem__(self, identity: Any, document: Document) -> None:
        self._break(identity)
        self._places[identity] = document

    def pop(self, identity: Any) -> Document:
        """Remove a document and return it."""
        document = self[identity]
        self._break(identity)
        del self._places[identity]
        return document

    def _break(self, identity: Any) -> None:
        place = self._places.get(identity)
        if isinstance(place, int):
            self._broken.add(self._block_of[place // SIZE])

    def values(self) -> Iterator[Document]:
        """Iterate over the documents, which must not be changed."""
        return map(self.__getitem__, self._places)

    def value(self, identity: Any, name: str) -> Any:
        """Return one field of a document; `MISSING` if it is not there."""
        place = self._places[identity]
        if isinstance(place, int):
            return self._packs[place // SIZE].value(place % SIZE, name)
        return place.get(name, MISSING)

    def private(self, identity: Any, names: Iterable[str] | None) -> Document:
        """Return a copy of a document that is the caller's own, or only some fields of it."""
        place = self._places[identity]
        if isinstance(place, int):
            return self._packs[place // SIZE].document(place % SIZE, names)
        if names is not None:
            place = {name: place[name] for name in names if name in place}
        return copied(place)  # type: ignore[no-any-return]

    def rows(self, names: Sequence[str]) -> Iterator[tuple[Any, Sequence[Any]]]:
        """Iterate over ids and the values of some fields of all documents."""
        columns: list[Sequence[Any]] = []
        current = -1
        for identity, place in self._places.items():
            if not isinstance(place, int):
                yield identity, [place.get(name, MISSING) for name in names]
                continue
            number, row = divmod(place, SIZE)
            if number != current:
                current, pack = number, self._packs[number]
                columns = [pack.values(name) for name in names]
            yield identity, [column[row] for column in columns]

    def captured(self, identities: Iterable[Any]) -> Sequence[Document]:
        """Return some documents as they are now, whatever happens to them; to be read only."""
        return _Captured(self._packs, [self._places[identity] for identity in identities])

    # --- packing ----------------------------------------------------------------------------

    def add(self, block: Block) -> list[Pack]:
        """Add packed documents, and return the packs."""
        packs, order = block
        first = len(self._packs)
        self._packs += map(Pack, packs)
        self._block_of += [len(self._blocks)] * len(packs)
        self._blocks.append(block)
        ids = [pack.values("_id") for pack in self._packs[first:]]
        places = [range(n * SIZE, n * SIZE + SIZE) for n in range(first, len(self._packs))]
        if len(packs) > 1:
            rows = list(map(iter, map(zip, ids, places)))
            entries = [next(rows[number]) for number in order]
        else:
            entries = list(zip(*ids, *places, strict=False))
        self._places.update(entries)
        return self._packs[first:]

    def blocks(self) -> Iterator[Block]:
        """Pack all documents; of those that are packed, what did not change is taken over."""
        loose: list[Document] = []
        taken = -1
        for identity, place in self._places.items():
            if isinstance(place, int):
                number = self._block_of[place // SIZE]
                if number == taken:
                    continue
                if number not in self._broken and _size(self._blocks[number]) >= _WORTH_KEEPING:
                    if loose:
                        yield packed(loose)
                        loose = []
                    yield self._blocks[number]
                    taken = number
                    continue
            loose.append(self[identity])
            if len(loose) == SIZE:
                yield packed(loose)
                loose = []
        if loose:
            yield packed(loose)

    def become(self, other: Documents) -> None:
        """Hold what another holds, which must be equal documents."""
        self.__dict__.update(other.__dict__)


def _size(block: Block) -> int:
    return sum(size for size, _, _ in block[0])


class _Captured(Sequence[Document]):
    """Documents that are built when they are looked at."""

    def __init__(self, packs: Sequence[Pack], places: Sequence[Document | int]) -> None:
        self._packs = packs
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, at: int) -> Document: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Document]: ...
    def __getitem__(self, at: int | slice) -> Document | Sequence[Document]:
        if isinstance(at, slice):
            return _Captured(self._packs, self._places[at])
        place = self._places[at]
        if isinstance(place, int):
            return self._packs[place // SIZE].document(place % SIZE)
        return place
