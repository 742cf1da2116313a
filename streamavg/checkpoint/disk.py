"""Disk: the operations that saving a state file is made of, in one place, so that a test can stop or fail each."""

from __future__ import annotations

import fcntl
import os

open_file = os.open
write = os.write
sync = os.fsync
close = os.close
link = os.link
rename = os.replace
unlink = os.unlink
truncate = os.ftruncate
lock = fcntl.flock
EXCLUSIVE, UNLOCK = fcntl.LOCK_EX | fcntl.LOCK_NB, fcntl.LOCK_UN
