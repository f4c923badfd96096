"""Rooms: a leader, a projector and hundreds of telephones that see the same step.

`RoomService` changes rooms, `Hub` tells their screens. All that two processes must agree on is in
the store; the hub of each process asks the store what is new, for all its streams at once.
"""

from app.rooms.actions import BadAction
from app.rooms.hub import Hub, Subscription, TooManyStreams
from app.rooms.service import (
    Action,
    BadClaim,
    Claimed,
    NotLeader,
    OtherTab,
    RoomService,
)

__all__ = [
    "Action",
    "BadAction",
    "BadClaim",
    "Claimed",
    "Hub",
    "NotLeader",
    "OtherTab",
    "RoomService",
    "Subscription",
    "TooManyStreams",
]
