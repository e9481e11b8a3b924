"""Numbers: splats, memory, how long frames and the last prediction's stages took, and how near the truth is."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import pyqtgraph as pg
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QComboBox, QFormLayout, QLabel, QScrollArea, QToolButton, QVBoxLayout, QWidget

from partrm_viewer import theme as themes
from partrm_viewer.panels.pane import Pane
from partrm_viewer.words import tr

FRAMES = 120  # that are shown
PLOT_PX = 110  # height of the frames
AXIS_PX, BAR_PX = 36, 24  # that the axis takes, and each stage
NONE = "–"


class NumbersPanel(Pane):
    """Is told numbers and shows them; what is told while it is hidden costs next to nothing."""

    def __init__(self, close: Callable[[], None], shown: Callable[[bool], None], target: Callable[[int], None]) -> None:
        self._close = QToolButton()
        self._close.setToolTip(tr("Close (N)"))
        self._close.clicked.connect(lambda: close())
        self._shown = shown
        self._frames_ms: deque[float] = deque(maxlen=FRAMES)
        self._stages: Sequence[tuple[str, float]] = ()
        self._values = {name: QLabel(NONE) for name in ("splats", "memory", "undo", "frame")}
        form = QFormLayout()
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        form.setHorizontalSpacing(18)
        form.setVerticalSpacing(4)
        for name, text in (
            ("splats", tr("Splats")),
            ("memory", tr("Memory")),
            ("undo", tr("of it for undo")),
            ("frame", tr("Frame, median")),
        ):
            self._add(form, text, self._values[name])
        self._frames, self._bars_plot = _plot(), _plot()
        self._frames.hideAxis("bottom")
        self._frames.setFixedHeight(PLOT_PX)
        self._curve = self._frames.plot([])
        self._bars = pg.BarGraphItem(x0=0, y=[], height=0.6, width=[])
        self._bars_plot.addItem(self._bars)
        self._no_stages = QLabel(tr("Nothing was predicted for this state"))
        self._truth = QWidget()
        truth = QFormLayout(self._truth)
        truth.setContentsMargins(0, 0, 0, 0)
        truth.setHorizontalSpacing(18)
        truth.setVerticalSpacing(4)
        self._target = QComboBox()
        self._target.setToolTip(tr("The true state of the data set that the shown one is compared with"))
        self._target.activated.connect(target)
        self._psnr, self._ssim = QLabel(NONE), QLabel(NONE)
        self._add(truth, tr("True state"), self._target)
        self._add(truth, tr("PSNR"), self._psnr)
        self._add(truth, tr("SSIM"), self._ssim)
        self._truth.hide()
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(12, 2, 12, 6)
        column.setSpacing(10)
        column.addLayout(form)
        column.addWidget(self._truth)
        for title, widgets in (
            (tr("Last frames, ms"), (self._frames,)),
            (tr("Stages of the prediction, s"), (self._bars_plot, self._no_stages)),
        ):
            column.addWidget(_muted(title))
            for widget in widgets:
                column.addWidget(widget)
        column.addStretch()
        scroll = QScrollArea()
        scroll.setWidget(inside)
        scroll.setWidgetResizable(True)
        for widget in (scroll.viewport(), inside):
            widget.setAutoFillBackground(False)  # the pane shows through
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        super().__init__(tr("Numbers"), scroll)
        self.add_button(self._close)
        self.setMinimumWidth(250)
        self._dress()

    def set_counts(self, splats: int | None, memory_bytes: int | None, undo_bytes: int) -> None:
        """Show how many splats there are, and what is held in memory."""
        self._values["splats"].setText(NONE if splats is None else f"{splats:,}")
        self._values["memory"].setText(NONE if memory_bytes is None else _size(memory_bytes))
        self._values["undo"].setText(_size(undo_bytes))

    def add_frame(self, seconds: float) -> None:
        """Remember how long a frame took; it is drawn with the next call of show_frames."""
        self._frames_ms.append(1000 * seconds)

    def show_frames(self) -> None:
        """Draw how long the last frames took."""
        if self._frames_ms:
            self._curve.setData(list(self._frames_ms))
            self._frames.setYRange(0, max(self._frames_ms))
            self._values["frame"].setText(f"{sorted(self._frames_ms)[len(self._frames_ms) // 2]:.0f} ms")

    def set_stages(self, times_s: Sequence[tuple[str, float]]) -> None:
        """Show what each stage of a prediction took, the first on top; none where nothing was predicted."""
        self._stages = times_s
        self._bars_plot.setVisible(bool(times_s))
        self._no_stages.setVisible(not times_s)
        if not times_s:
            return
        rows = list(range(len(times_s)))[::-1]
        self._bars.setOpts(y=rows, width=[seconds for _, seconds in times_s])
        words = [f"{name} {seconds:.2f}" for name, seconds in times_s]
        self._bars_plot.getAxis("left").setTicks([list(zip(rows, words))])
        self._bars_plot.setFixedHeight(AXIS_PX + BAR_PX * len(times_s))

    def set_targets(self, names: Sequence[str], chosen: int) -> None:
        """Offer the true states to compare with; none hides them."""
        self._truth.setVisible(bool(names))
        self._target.clear()
        self._target.addItems(list(names))
        self._target.setCurrentIndex(chosen)

    def set_score(self, psnr_db: float | None, ssim: float | None) -> None:
        """Show how near the shown state's picture is to the chosen true one; None: not known yet."""
        self._psnr.setText("…" if psnr_db is None else f"{psnr_db:.2f} dB")
        self._ssim.setText("…" if ssim is None else f"{ssim:.4f}")

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._shown(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._shown(False)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._dress()

    def _dress(self) -> None:
        """Draw in the theme's colours: a style sheet does not reach the plots."""
        theme = themes.DARK if self.palette().window().color().lightness() < 128 else themes.LIGHT
        self._close.setIcon(themes.icon("close", theme))
        for plot in (self._frames, self._bars_plot):
            plot.setBackground(theme.pane)
            for side in ("left", "bottom"):
                plot.getAxis(side).setPen(theme.line)
                plot.getAxis(side).setTextPen(theme.muted)
        self._curve.setPen(pg.mkPen(theme.accent, width=1.5))
        self._bars.setOpts(brush=theme.accent, pen=None)

    @staticmethod
    def _add(form: QFormLayout, text: str, value: QWidget) -> None:
        form.addRow(_muted(text), value)


def _muted(text: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName("paneDetail")
    return label


def _plot() -> pg.PlotWidget:
    plot = pg.PlotWidget()
    plot.setMenuEnabled(False)
    plot.setMouseEnabled(False, False)
    plot.hideButtons()
    plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return plot


def _size(count: int) -> str:
    return f"{count / 2**30:.2f} GB" if count >= 1000 * 2**20 else f"{count / 2**20:.0f} MB"
