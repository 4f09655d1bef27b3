"""What the displays share: figures, colours, legends, axes, heat maps."""

from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from scipy.special import logit
from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

__all__ = [
    "BLUE",
    "CHANCE_LINE",
    "COLORS",
    "GREY",
    "LARGEST_MAP",
    "LETTER",
    "MOST_CLASSES",
    "MOST_WITH_SHARES",
    "STYLES",
    "VERMILION",
    "Display",
    "drawn_apart",
    "figure_of",
    "heat_map",
    "legend",
    "probability_axis",
    "visible",
]

# The palette of M. Okabe and K. Ito (2008), which the colour-blind can tell apart, without its
# yellow, which is too pale for a line on white, and with P. Tol's wine. Line styles tell curves
# apart in black and white.
VERMILION, BLUE, GREY = "#D55E00", "#0072B2", "#7F7F7F"
COLORS = (VERMILION, BLUE, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#882255")
STYLES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)))
CHANCE_LINE = {"linestyle": ":", "linewidth": 1}

#: The most curves that can be told apart.
MOST_CLASSES = len(COLORS)

#: The most classes for which the cells of a heat map have room for two lines of text.
MOST_WITH_SHARES = 12

#: Width of a letter in inches.
LETTER = 0.08

#: The largest heat map in inches; in it, 200 names can be read, and of more classes not all are
#: named.
LARGEST_MAP = 24.0

# An axis of probabilities comes no nearer to 0 or 1.
NEAREST = 1e-6

# Ticks below 0.5 of an axis of probabilities, the most first; the first two are for narrow ranges.
FINE_TICKS = [np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.3]), np.array([0.01, 0.05, 0.2])]
DECADES = [10.0 ** np.arange(-1, -7, -step) for step in range(1, 7)]

# Sizes of text in points; smaller text cannot be read.
LARGEST_PRINT, SMALLEST_PRINT = 10, 7


class Display:
    """Data and how to draw them.

    ``_draw(ax, new_figure)`` draws on the axes or, if they are None, on a figure that
    ``new_figure(width, height)`` makes, in inches.
    """

    ax_: Any
    figure_: "Figure"

    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to draw on. By default those of a new figure of pyplot, which a notebook shows.

        Returns
        -------
        self : Display
            The display, with `ax_` and `figure_`.
        """
        return self._plot(ax, _pyplot_figure)

    def _plot(self, ax: "Axes | None", new_figure: Callable[[float, float], "Figure"]) -> Self:
        self.ax_ = self._draw(ax, new_figure)
        self.figure_ = figure_of(np.ravel(self.ax_)[0])
        return self

    @classmethod
    def _classes_of(cls, estimator: Any) -> np.ndarray:
        """Class labels of a fitted classifier that has one class for each row."""
        classes = getattr(estimator, "classes_", None)
        if classes is None:
            check_is_fitted(estimator)
        if classes is None or isinstance(classes, list) or np.ndim(classes) != 1:
            raise ValueError(
                f"The 'estimator' parameter of {cls.__name__} must be a classifier, fitted on one "
                f"class label for each row. Got {type(estimator).__name__} instead."
            )
        return np.asarray(classes)

    def _draw(self, ax: "Axes | None", new_figure: Callable[[float, float], "Figure"]) -> Any:
        raise NotImplementedError

    def _repr_png_(self) -> bytes | None:
        """The figure for a notebook; None if it is not drawn yet, or pyplot shows it itself."""
        from matplotlib._pylab_helpers import Gcf

        if not hasattr(self, "figure_") or any(
            manager.canvas.figure is self.figure_ for manager in Gcf.get_all_fig_managers()
        ):
            return None
        buffer = BytesIO()
        self.figure_.savefig(buffer, format="png")
        return buffer.getvalue()


def _pyplot_figure(width: float, height: float) -> "Figure":
    """A figure that pyplot knows, as those of scikit-learn's displays."""
    import matplotlib.pyplot as plt

    return plt.figure(figsize=(width, height), layout="constrained")


def _bare_figure(width: float, height: float) -> "Figure":
    """A figure that pyplot does not know and keep."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def drawn_apart(display: Display) -> "Figure":
    """The figure of a display for a page: neither pyplot nor a notebook sees it."""
    return display._plot(None, _bare_figure).figure_


def visible(color: str) -> str:
    """A colour; in the place of black, the colour of text, which any style can be read in."""
    from matplotlib import rcParams

    return rcParams["text.color"] if color in ("black", "#000000") else color


def figure_of(ax: "Axes") -> "Figure":
    """The figure of axes, also of those in a subfigure."""
    return cast("Figure", ax.get_figure(root=True))


def probability_axis(ax: "Axes", letter: str, low: float, high: float) -> None:
    """Make an axis, "x" or "y", logistic: equal steps in log odds, as rare classes need.

    Its ticks are probabilities, fewer of them if there is little room.
    """
    from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

    low, high = max(low, NEAREST), min(high, 1 - NEAREST)
    ax.set(**{f"{letter}scale": "logit", f"{letter}lim": (low, high)})
    inches = getattr(ax.get_window_extent(), "width" if letter == "x" else "height")
    inches /= figure_of(ax).dpi
    narrow = len(_ticks(DECADES[0], low, high)) < 4
    for tails in (FINE_TICKS if narrow else []) + DECADES:
        ticks = _ticks(tails, low, high)
        sizes = np.array([len(f"{tick:.6g}") + 1 if letter == "x" else 3 for tick in ticks])
        gaps = np.diff(logit(ticks)) * inches / (logit(high) - logit(low))
        if np.all(gaps >= LETTER * (sizes[1:] + sizes[:-1]) / 2):
            break
    axis = getattr(ax, f"{letter}axis")
    axis.set_major_locator(FixedLocator(ticks.tolist()))
    axis.set_major_formatter(StrMethodFormatter("{x:.6g}"))
    axis.set_minor_locator(NullLocator())


def _ticks(tails: np.ndarray, low: float, high: float) -> np.ndarray:
    """The tails, what they lack to 1, and 0.5, as far as they are on the axis."""
    values = np.concatenate([tails, [0.5], 1 - tails])
    return np.sort(values[(values >= low) & (values <= high)])


def legend(ax: "Axes", handles: list["Artist"], place: str, **options: Any) -> None:
    """Draw a legend "below" the axes and their label, "beside" them, or "inside".

    Outside, it hides no curve, but squeezes axes that share a figure with others. Handles are
    explicit, as matplotlib otherwise leaves out labels that begin with an underscore.
    """
    from matplotlib.transforms import ScaledTranslation

    inches = figure_of(ax).dpi_scale_trans
    places: dict[str, dict[str, Any]] = {
        "below": {
            "loc": "upper right",
            "bbox_to_anchor": (1, 0),
            "bbox_transform": ax.transAxes + ScaledTranslation(0, -0.5, inches),
            "ncols": 2,
            "frameon": False,
        },
        "beside": {"loc": "upper left", "bbox_to_anchor": (1.01, 1), "frameon": False},
        "inside": {"loc": "best", "fontsize": "small", "title_fontsize": "small"},
    }
    ax.legend(handles=handles, alignment="left", **places[place], **options)


def heat_map(
    ax: "Axes",
    shares: np.ndarray,
    texts: list[list[str]],
    rows: list[str] | None,
    columns: list[str],
    *,
    new: bool,
) -> "AxesImage":
    """Draw shares in [0, 1] as colours, with texts if there is room to read them.

    Parameters
    ----------
    ax : Axes
        Axes to draw on.
    shares : ndarray of shape (n_rows, n_columns)
        Shares; nan becomes grey.
    texts : list of list of str
        Text of each cell.
    rows : list of str or None
        Names of the rows; None if they are named elsewhere.
    columns : list of str
        Names of the columns, of one line or more.
    new : bool
        Whether the figure is new, and not the user's, which may be incomplete.

    Returns
    -------
    image : AxesImage
        The image, for a colour bar.
    """
    from matplotlib import colormaps

    cmap = colormaps["Blues"].with_extremes(bad="0.85")
    image = ax.imshow(np.ma.masked_invalid(shares), cmap=cmap, vmin=0, vmax=1, aspect="auto")
    if rows is not None:
        _name(ax, "y", rows)
    if new:
        # Lay out the names, on which the size of a cell depends.
        figure_of(ax).draw_without_rendering()
    # In a figure that is not complete, names of rows will take a part of the width.
    _name(ax, "x", columns, free=0.95 if new else 0.6)
    if new:
        figure_of(ax).draw_without_rendering()
    size = _print_size(ax, shares.shape, texts)
    if size >= SMALLEST_PRINT:
        for (i, j), share in np.ndenumerate(shares):
            # White has more contrast on the darker blues.
            color = "white" if share > 0.7 else "black"
            ax.text(j, i, texts[i][j], ha="center", va="center", color=color, fontsize=size)
    return image


def _name(ax: "Axes", letter: str, names: list[str], free: float = 1.0) -> None:
    """Name rows or columns; columns vertically if the names would overlap, and not all of many."""
    extent = ax.get_window_extent()
    room = (extent.width if letter == "x" else extent.height) * 72 / figure_of(ax).dpi / len(names)
    longest = max(len(line) for name in names for line in name.split("\n"))
    # A letter is about 0.6 of its size wide.
    level = letter == "y" or longest * 0.6 * LARGEST_PRINT < free * room
    if not level:
        names = [name.replace("\n", "  ") for name in names]
    size = min(LARGEST_PRINT, max(SMALLEST_PRINT, 0.85 * room))
    step = max(1, int(np.ceil(size / room)))
    places = range(0, len(names), step)
    ticks: dict[str, Any] = {"rotation": 0 if level else 90, "fontsize": size}
    getattr(ax, f"set_{letter}ticks")(places, names[::step], **ticks)


def _print_size(ax: "Axes", shape: tuple[int, ...], texts: list[list[str]]) -> float:
    """The size of text, in points, that fits into the cells."""
    extent = ax.get_window_extent()
    points = 72 / figure_of(ax).dpi
    lines = [line for row in texts for text in row for line in text.split("\n")]
    n_lines = max(text.count("\n") + 1 for row in texts for text in row)
    width = extent.width * points / shape[1] / (0.65 * max(4, *map(len, lines)))
    return min(LARGEST_PRINT, width, extent.height * points / shape[0] / (1.35 * n_lines))
