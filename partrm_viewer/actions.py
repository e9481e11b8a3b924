"""Actions: one table of everything the user can do; menus, keys, the tool bar and the help sheet are made from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtGui import QKeySequence

from partrm_viewer.session import Session
from partrm_viewer.words import tr


def _always(session: Session) -> bool:
    return True


def _has_state(session: Session) -> bool:
    return session.document.shown is not None


def _has_part(session: Session) -> bool:
    return session.document.part is not None


def _has_image(session: Session) -> bool:
    return session.document.image is not None


def _has_splats_alone(session: Session) -> bool:
    return session.document.shown is not None and session.document.image is None


def _has_several(session: Session) -> bool:
    return len(session.document.snapshots) > 1


def _has_before(session: Session) -> bool:
    return session.document.before is not None


def _has_after(session: Session) -> bool:
    return session.document.after is not None


def _can_undo(session: Session) -> bool:
    return session.undo_text is not None


def _can_redo(session: Session) -> bool:
    return session.redo_text is not None


@dataclass(frozen=True)
class Action:
    """One thing to do; the window, or what it gives to Bars, has a method called `name`."""

    name: str
    text: str
    menu: str
    tip: str
    shortcuts: tuple[str, ...] = ()
    icon: str = ""
    enabled: Callable[[Session], bool] = _always
    checkable: bool = False
    label: str = ""  # beside the icon in the tool bar

    @property
    def needs_work(self) -> bool:
        """Tell whether it needs something that is open."""
        return self.enabled is not _always


def plain(text: str) -> str:
    """Return a text of the table in the user's language, without the marks of menus."""
    return tr(text).replace("&", "").replace("/", " › ")


def keys(action: Action) -> str:
    """Return an action's keys as this system writes them."""
    return " · ".join(QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText) for key in action.shortcuts)


def needs(action: Action) -> str:
    """Say what an action that cannot be done now waits for."""
    known: dict[Callable[[Session], bool], str] = {
        _has_state: tr("needs a state in 3D"),
        _has_part: tr("needs a selected part"),
        _has_image: tr("needs a photo"),
        _has_several: tr("needs a second state"),
        _has_before: tr("needs a state that was pulled from another"),
        _has_after: tr("needs a state that another was pulled from"),
        _has_splats_alone: tr("needs a splat file"),
        _can_undo: tr("there is nothing to take back"),
        _can_redo: tr("nothing was undone"),
    }
    return known.get(action.enabled, tr("not now"))


ACTIONS = (
    Action(
        "open_file",
        "&Open…",
        "File",
        "Open a photo of something with moving parts, a splat file or a project",
        ("Ctrl+O",),
        "image",
        label="Open",
    ),
    Action("open_sample", "Open sa&mple", "File", "Open the photo that comes with the program"),
    Action("save", "&Save project", "File", "Save photo, states and view in one file", ("Ctrl+S",), "save", _has_state),
    Action("save_as", "Save project &as…", "File", "Save in another file", ("Ctrl+Shift+S",), "", _has_state),
    Action(
        "export_state",
        "&Export state…",
        "File",
        "Save the shown state as a splat file",
        ("Ctrl+E",),
        "splat",
        _has_state,
    ),
    Action(
        "screenshot",
        "Save s&creenshot…",
        "File",
        "Save what the 3D view shows",
        ("Ctrl+Shift+P",),
        "camera",
        _has_state,
    ),
    Action(
        "film",
        "Save &film…",
        "File",
        "Film one turn around the shown state, from where you look at it",
        ("Ctrl+Shift+F",),
        "film",
        _has_state,
    ),
    Action(
        "picture",
        "Save &picture…",
        "File",
        "Draw the shown state at any size, transparent too",
        ("Ctrl+P",),
        "",
        _has_state,
    ),
    Action("film_states", "Fil&m the states…", "File", "Show the states one after the other", (), "", _has_several),
    Action(
        "export_states",
        "Export s&tates…",
        "File",
        "Save all states as numbered PLY files, as other programs play them",
        (),
        "",
        _has_several,
    ),
    Action("weights", "&Weights…", "File", "See which networks there are; fetch, import and verify them"),
    Action("start_page", "Start pa&ge", "File", "Samples and recent files; what is open stays open", ("Ctrl+H",)),
    Action("preferences", "&Preferences…", "File", "How the program looks, computes and keeps copies", ("Ctrl+,",)),
    Action("quit", "&Quit", "File", "Close the window", ("Ctrl+Q",)),
    Action("undo", "&Undo", "Edit", "Take the last step back", ("Ctrl+Z",), "undo", _can_undo),
    Action(
        "redo",
        "&Redo",
        "Edit",
        "Do again what was undone",
        ("Ctrl+Shift+Z", "Ctrl+Y"),
        "redo",
        _can_redo,
    ),
    Action("rename_state", "Re&name state", "Edit", "Give the shown state another name", ("F2",), "", _has_state),
    Action(
        "remove_state", "Re&move state", "Edit", "Take the shown state out of the list", ("Delete",), "", _has_several
    ),
    Action(
        "use_pull",
        "&Pull",
        "Tools",
        "Press on a part of the photo and pull it",
        ("V",),
        "pull",
        _has_image,
        True,
        "Pull",
    ),
    Action(
        "use_box",
        "Object &box",
        "Tools",
        "Draw a box around the object, where it was not found by itself",
        ("R",),
        "box",
        _has_image,
        True,
        "Box",
    ),
    Action(
        "use_brush",
        "Part &brush",
        "Tools",
        "Paint the part; the right button erases",
        ("P",),
        "brush",
        _has_image,
        True,
        "Brush",
    ),
    Action(
        "other_outline",
        "Other &outline",
        "Tools",
        "Take the next of the outlines that the part may have",
        ("M",),
        "",
        _has_part,
    ),
    Action("cancel", "&Cancel", "Tools", "Stop what is running; close the message", ("Esc",)),
    Action(
        "live",
        "&Live prediction",
        "Tools",
        "Predictions follow while you pull; off: only when you let go",
        ("Shift+L",),
        "",
        _has_image,
        True,
    ),
    Action(
        "input_view",
        "&Input view",
        "View",
        "Look from where the photo was taken",
        ("H",),
        "home",
        _has_state,
        label="Input view",
    ),
    Action("focus_part", "&Focus on part", "View", "Turn around the selected part", ("F",), "focus", _has_state),
    Action("next_state", "&Next state", "States", "Show the next state of the list", ("]", "Right"), "", _has_several),
    Action("previous_state", "P&revious state", "States", "Show the state before", ("[", "Left"), "", _has_several),
    Action("play", "&Play", "States", "Show the states one after the other", ("Space",), "play", _has_several, True),
    Action("slower", "&Slower", "States", "Stay longer at each state", (",",), "", _has_several),
    Action("faster", "&Faster", "States", "Stay shorter at each state", (".",), "", _has_several),
    Action("play_once", "&Once", "States", "Stop at the last state", checkable=True),
    Action("play_loop", "&Again and again", "States", "Begin again after the last state", checkable=True),
    Action("play_back_and_forth", "&Back and forth", "States", "Go backwards after the last state", checkable=True),
    Action(
        "state_before",
        "State it was made &from",
        "States",
        "Show the state that this one was pulled from",
        ("Up",),
        "",
        _has_before,
    ),
    Action(
        "state_after",
        "State &made from it",
        "States",
        "Show the newest state that was pulled from this one",
        ("Down",),
        "",
        _has_after,
    ),
    Action(
        "list_pulls",
        "Lis&t of pulls",
        "States",
        "List the pulls that led to this state, to change, switch off or remove them",
        ("L",),
        "list",
        _has_image,
        True,
    ),
    Action(
        "compare",
        "&Compare",
        "Compare",
        "Show another state beside the shown one: the one it was pulled from, or one that you choose",
        ("C",),
        "compare",
        _has_several,
        True,
    ),
    Action(
        "compare_line",
        "By a &line",
        "Compare",
        "The other state left of a line that can be moved",
        (),
        "",
        _has_several,
        True,
    ),
    Action(
        "compare_flicker",
        "By &flicker",
        "Compare",
        "Both states in turn, at a steady pace; as long as the key is held, or until it is pressed again",
        ("X",),
        "",
        _has_several,
        True,
    ),
    Action(
        "compare_halves",
        "&Side by side",
        "Compare",
        "Each state in a half of its own, from the same side",
        (),
        "",
        _has_several,
        True,
    ),
    Action(
        "compare_difference",
        "By &difference",
        "Compare",
        "Where the two pictures differ, and by how much",
        (),
        "",
        _has_several,
        True,
    ),
    Action("compare_next", "Next &way", "Compare", "Compare in the next of these ways", ("Shift+C",), "", _has_several),
    Action(
        "compare_with",
        "Compare &with…",
        "Compare",
        "Choose the state that the shown one is compared with",
        ("Ctrl+Shift+C",),
        "",
        _has_several,
    ),
    Action(
        "what_moved",
        "What &moved",
        "Compare",
        "Tint what moved to the shown state, with a ghost where it was",
        ("T",),
        "",
        _has_several,
        True,
    ),
    Action(
        "background", "&Black background", "View", "Change between white and black", ("B",), "contrast", checkable=True
    ),
    Action(
        "ground",
        "&Ground grid",
        "View",
        "A grid under the object, and the world's axes",
        ("G",),
        "grid",
        checkable=True,
    ),
    Action(
        "upright",
        "&Upright",
        "View",
        "Turn about the object's own vertical and save it upright; off: as the photo's camera has it",
        ("U",),
        "",
        _has_image,
        True,
    ),
    Action(
        "orthographic",
        "&Orthographic",
        "View",
        "Parallel lines stay parallel: what is far away is as large as what is near",
        ("O",),
        "",
        _has_state,
        True,
    ),
    Action(
        "fly",
        "F&ly",
        "View",
        "Move with W A S D, Q and E, Shift for faster; pull to look around; Esc ends it",
        ("Shift+F",),
        "",
        _has_state,
        True,
    ),
    Action(
        "camera_pose",
        "Camera in &numbers…",
        "View",
        "Type where the camera stands and how wide it sees",
        ("K",),
        "",
        _has_state,
    ),
    Action(
        "add_viewpoint",
        "&Add viewpoint…",
        "View/Viewpoints",
        "Keep where you look from under a name; it is saved with the project",
        ("Ctrl+D",),
        "",
        _has_state,
    ),
    Action("rename_viewpoint", "&Rename viewpoint…", "View/Viewpoints", "Give the last viewpoint another name"),
    Action("move_viewpoint", "&Move viewpoint here", "View/Viewpoints", "Let the last viewpoint look from here"),
    Action("remove_viewpoint", "&Delete viewpoint", "View/Viewpoints", "Forget the last viewpoint", ("Ctrl+Delete",)),
    Action("next_viewpoint", "&Next viewpoint", "View/Viewpoints", "Go to the next viewpoint", ("PgDown",)),
    Action("previous_viewpoint", "&Previous viewpoint", "View/Viewpoints", "Go to the viewpoint before", ("PgUp",)),
    *(
        Action(f"viewpoint_{k}", f"Viewpoint &{k}", "View/Viewpoints", f"Go to viewpoint {k}", (str(k),))
        for k in range(1, 10)
    ),
    *(
        Action(f"up_{name}", text, "View/Up axis", tip, enabled=_has_splats_alone, checkable=True)
        for name, text, tip in (
            ("plus_y", "&Y", "As this program has it, and glTF"),
            ("minus_y", "-Y", "For what lies on its head: captures with y down"),
            ("plus_z", "&Z", "For what lies on its back: Blender, CAD, maps"),
            ("minus_z", "-Z", "For files whose z points down"),
            ("plus_x", "&X", "For files whose x points up"),
            ("minus_x", "-X", "For files whose x points down"),
        )
    ),
    *(
        Action(f"navigate_{name}", text, "View/Navigation", tip, checkable=True)
        for name, text, tip in (
            ("ours", "&Viewer", "Left turns, middle or Shift + left moves sideways; right flies"),
            (
                "blender",
                "Like &Blender",
                "Middle turns, with Shift it moves sideways, with Ctrl it zooms; right flies",
            ),
            ("maya", "Like &Maya", "Alt + left turns, Alt + middle moves sideways, Alt + right zooms; right flies"),
            ("cad", "Like &CAD", "Middle turns, with Ctrl it moves sideways, with Shift it zooms; right flies"),
        )
    ),
    Action(
        "present",
        "&Present",
        "View",
        "The 3D view on the whole screen, with large captions; Esc ends it",
        ("F5",),
        "",
        _has_state,
        True,
    ),
    Action(
        "numbers",
        "&Numbers",
        "View",
        "A panel with times, memory, and, for a picture of a data set, how near the truth is",
        ("N",),
        checkable=True,
    ),
    Action("theme_system", "Theme of the &system", "View", "Light or dark, as the desktop is", checkable=True),
    Action("theme_light", "&Light theme", "View", "Always light", checkable=True),
    Action("theme_dark", "&Dark theme", "View", "Always dark", checkable=True),
    Action("help", "&Keys and mouse", "Help", "Show this sheet", ("F1", "?"), "help"),
    Action("find_command", "&Find a command", "Help", "Type what you want to do", ("Ctrl+K",), "search"),
    Action("jobs_panel", "&Jobs", "Help", "What runs and waits, and how long it may still take", ("Ctrl+J",), "jobs"),
    Action("log_page", "&Log", "Help", "What the program has noted, for somebody who is to mend it", ("Ctrl+L",)),
)

TOOL_BAR = (
    ("open_file", "save", "export_state", "screenshot", "film"),
    ("undo", "redo"),
    ("use_pull", "use_box", "use_brush"),
    ("input_view", "focus_part", "play", "compare", "list_pulls", "ground", "background"),
    ("help",),
)

MOUSE = (
    ("On the photo", "Press on a part", "Select it"),
    ("On the photo", "Press and pull", "Preview the motion; let go to predict"),
    ("On the photo", "Ctrl + click", "Add what is there to the part"),
    ("On the photo", "Alt · Shift · right click", "Take what is there away from the part"),
    ("On the photo", "Wheel · middle button", "Zoom · move the picture"),
    ("With the brush", "Left button", "Paint the part"),
    ("With the brush", "Shift + left · right button", "Erase"),
    ("With the brush", "Wheel · Ctrl + wheel", "Size of the brush · zoom"),
    ("In 3D", "Left button", "On a part that lights up: pull it; else turn"),
    ("In 3D", "Alt + left", "Turn, also on a part"),
    ("In 3D", "Click", "Select the part there"),
    ("In 3D", "Middle button · Shift + left", "Move sideways"),
    ("In 3D", "Wheel", "Nearer to what is under the pointer, farther"),
    ("In 3D", "Right button held", "Look around; W A S D Q E fly, the wheel changes the speed"),
    ("In 3D", "Drag the line", "Move the border between two states"),
    ("In 3D", "Double click", "Turn around that point"),
    ("In 3D", "View → Navigation", "Hold the mouse as in Blender, Maya or CAD programs"),
    ("In the film strip", "Ctrl + click", "Compare with that state"),
    ("In the film strip", "Right button on a state", "What can be done with it"),
    ("Anywhere", "Drop a file", "Open it"),
)
