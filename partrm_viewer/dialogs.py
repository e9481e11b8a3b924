"""Dialogs: ask the user for a file to open, or for a place to save to; which file was dropped."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QMimeData
from PySide6.QtWidgets import QFileDialog, QInputDialog, QMessageBox, QWidget

from partrm_viewer.project import ENDING
from partrm_viewer.words import tr

IMAGES = "*.png *.jpg *.jpeg *.webp *.avif *.bmp *.gif *.tif *.tiff"
PROJECTS = f"Projects (*{ENDING})"
CLEAR_FILMS = "WebP (*.webp);;GIF (*.gif)"  # that may be transparent
FILMS = f"MP4 (*.mp4);;{CLEAR_FILMS}"
PICTURES = "PNG (*.png)"


def all_to_open() -> str:
    """Return the kinds of files that can be opened, as Qt's dialogs take them."""
    from model.formats.files import FORMATS  # late, as the next one: the window opens without them

    splats = " ".join(f"*{known.ending}" for known in FORMATS)
    project = f"*{ENDING}"
    known = ((tr("Everything"), f"{IMAGES} {splats} {project}"), (tr("Photos"), IMAGES), (tr("Splats"), splats))
    kinds = (*known, (tr("Projects"), project), (tr("All files"), "*"))
    return ";;".join(f"{name} ({endings})" for name, endings in kinds)


def splats_to_save() -> str:
    """Return the kinds of splat files that can be written."""
    from model.formats.files import FORMATS

    return ";;".join(f"{known.name} (*{known.ending})" for known in FORMATS if known.write)


def ask_which(parent: QWidget, title: str, folder: str, kinds: str) -> Path | None:
    """Ask for a file that is there."""
    name, _ = QFileDialog.getOpenFileName(parent, title, folder, kinds)
    return Path(name) if name else None


def ask_folder(parent: QWidget, title: str) -> Path | None:
    """Ask for a folder that is there."""
    name = QFileDialog.getExistingDirectory(parent, title)
    return Path(name) if name else None


def ask_where(parent: QWidget, title: str, folder: str, name: str, kinds: str) -> Path | None:
    """Ask for a place to save to, proposing a name; one without an ending gets that of the chosen kind."""
    proposed = Path(folder) / name.replace("/", "-")
    chosen, kind = QFileDialog.getSaveFileName(parent, title, str(proposed), kinds)
    if not chosen:
        return None
    path, ending = Path(chosen), re.search(r"\*(\.\w+)", kind)
    return path if path.suffix or ending is None else path.with_name(path.name + ending[1])


def ask_name(parent: QWidget, title: str, name: str) -> str | None:
    """Ask for a name, proposing one."""
    text, good = QInputDialog.getText(parent, title, tr("Name"), text=name)
    return text.strip() or None if good else None


def ask_unsaved(parent: QWidget, name: str, running: str) -> Literal["save", "discard", "stay"]:
    """Ask what is to become of unsaved work, or of a job that runs, before the window closes."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle(tr("Close"))
    save_it = tr("Save what you have made of {name}?").format(name=name)
    box.setText(save_it if name else tr("{job} has not ended. Close all the same?").format(job=running))
    if name:
        either = tr("{job} has not ended either.").format(job=running)
        box.setInformativeText(either if running else tr("It would be lost otherwise."))
        save = box.addButton(tr("Save"), QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(save)
    discard = box.addButton(tr("Don't save") if name else tr("Close"), QMessageBox.ButtonRole.DestructiveRole)
    stay = box.addButton(tr("Cancel"), QMessageBox.ButtonRole.RejectRole)
    box.setEscapeButton(stay)
    box.exec()
    if name and box.clickedButton() is save:
        return "save"
    return "discard" if box.clickedButton() is discard else "stay"


def dropped(data: QMimeData) -> Path | None:
    """Return the first local file of a drop."""
    return next((Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()), None)
