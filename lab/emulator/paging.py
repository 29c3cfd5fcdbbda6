"""Pages of a list, with tokens that the client cannot make up."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import TypeVar

from lab.emulator.errors import ApiError

T = TypeVar("T")


def page(items: Sequence[T], size: int, token: str, most: int) -> tuple[Sequence[T], str]:
    """The page that *token* names ("" = the first) and the next one's token ("" = none); *size* 0 means *most*."""
    if size < 0:
        raise ApiError("INVALID_ARGUMENT", f"Invalid page size: {size}")
    begin = _offset(token) if token else 0
    end = begin + min(size or most, most)
    return items[begin:end], _token(end) if end < len(items) else ""


def number(text: str, name: str) -> int:
    """*text* as a number, as query parameters carry them; "" is 0."""
    try:
        return int(text or 0)
    except ValueError:
        raise ApiError("INVALID_ARGUMENT", f"Invalid value for {name}: {text!r}") from None


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(f"next:{offset}".encode()).decode()


def _offset(token: str) -> int:
    try:
        mark, _, offset = base64.urlsafe_b64decode(token).decode().partition(":")
        if mark == "next":
            return int(offset)
    except (binascii.Error, ValueError):
        pass
    raise ApiError("INVALID_ARGUMENT", "The page token is invalid.")
