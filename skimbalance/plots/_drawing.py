"""What the displays share: figures without pyplot, colours, legends, axes, heat maps."""

from io import BytesIO

import numpy as np

__all__ = [
    "BLUE",
    "CHANCE_LINE",
    "COLORS",
    "GREY",
    "LETTER",
    "MOST_CLASSES",
    "MOST_WITH_SHARES",
    "STYLES",
    "VERMILION",
    "Display",
    "heat_map",
    "last_step",
    "legend",
    "new_figure",
    "probability_axis",
]

# The palette of M. Okabe and K. Ito (2008), which the colour-blind can tell apart, without its
# yellow, too pale for a line on white; and P. Tol's wine. Line styles tell curves apart in print.
VERMILION, BLUE, GREY = "#D55E00", "#0072B2", "#7F7F7F"
COLORS = (VERMILION, BLUE, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#882255")
STYLES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)))
CHANCE_LINE = {"linestyle": ":", "linewidth": 0.8}

#: So many curves can be told apart.
MOST_CLASSES = len(COLORS)

#: So many classes have room for two lines of print in each cell of a heat map.
MOST_WITH_SHARES = 12

#: Width of a letter in inches.
LETTER = 0.08

# Probabilities nearer to 0 or 1 than this are drawn there.
NEAREST = 1e-6

FINE_TICKS = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.3])

# In points; smaller print cannot be read.
LARGEST_PRINT, SMALLEST_PRINT = 10, 5


class Display:
    """Data and how to draw them: ``_draw(ax)``, which makes a figure of its own for None."""

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; by default on a new figure.

        Returns
        -------
        self : Display
            Drawn: with `ax_` and `figure_`.
        """
        self.ax_ = self._draw(ax)
        self.figure_ = np.ravel(self.ax_)[0].get_figure(root=True)
        return self

    def _repr_png_(self):
        """The figure, unless there is none yet, or it is one of pyplot's, which shows it itself."""
        if not hasattr(self, "figure_") or self.figure_.canvas.manager is not None:
            return None
        buffer = BytesIO()
        self.figure_.savefig(buffer, format="png")
        return buffer.getvalue()


def new_figure(width, height):
    """A figure of pyplot's class without pyplot, so that nothing keeps it."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def last_step(estimator):
    """The last step of a pipeline, of a pipeline in it, ..., or the estimator itself."""
    while hasattr(estimator, "steps"):
        estimator = estimator.steps[-1][1]
    return estimator


def probability_axis(ax, letter, low, high):
    """Make an axis, "x" or "y", logistic: equal steps in log odds, as rare classes need.

    Its ticks are probabilities, thinned out where they would be many.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    low, high = max(low, NEAREST), min(high, 1 - NEAREST)
    ax.set(**{f"{letter}scale": "logit", f"{letter}lim": (low, high)})
    inches = getattr(ax.get_window_extent(), "width" if letter == "x" else "height")
    inches /= ax.get_figure(root=True).dpi
    for step in range(1, 7):
        tails = 10.0 ** np.arange(-1, -7, -step)
        ticks = _inside(np.concatenate([tails, [0.5], 1 - tails]), low, high)
        if step == 1 and len(ticks) < 4:
            ticks = _inside(np.concatenate([FINE_TICKS, [0.5], 1 - FINE_TICKS]), low, high)
        needed = sum(len(f"{tick:.6g}") + 1 if letter == "x" else 3 for tick in ticks)
        if needed * LETTER <= inches:
            break
    axis = getattr(ax, f"{letter}axis")
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
    axis.set_minor_locator(NullLocator())


def _inside(values, low, high):
    return np.sort(values[(values >= low) & (values <= high)])


def legend(ax, handles, place, **options):
    """Draw a legend "below" the axes and their label, "beside" them, or "inside".

    Outside it hides no curve, but squeezes axes that share a figure with others. Handles are
    explicit: matplotlib leaves labels out that begin with an underscore otherwise.
    """
    from matplotlib.transforms import ScaledTranslation

    inches = ax.get_figure(root=True).dpi_scale_trans
    where = {
        "below": {
            "loc": "upper right",
            "bbox_to_anchor": (1, 0),
            "bbox_transform": ax.transAxes + ScaledTranslation(0, -0.5, inches),
            "ncols": 2,
            "frameon": False,
        },
        "beside": {"loc": "upper left", "bbox_to_anchor": (1.01, 1), "frameon": False},
        "inside": {"loc": "best", "fontsize": "small", "title_fontsize": "small"},
    }[place]
    ax.legend(handles=handles, alignment="left", **where, **options)


def heat_map(ax, shares, texts, rows, columns, *, own_figure):
    """Draw shares in [0, 1] as colours, with texts where they can be read.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    shares : ndarray of shape (n_rows, n_columns)
        Grey where nan.
    texts : list of list of str
        What each cell says.
    rows, columns : list of str or None
        Names; None if the rows are named elsewhere.
    own_figure : bool
        Whether the figure is a display's own, and not one that may be half done.

    Returns
    -------
    image : AxesImage
        For a colour bar.
    """
    from matplotlib import colormaps

    cmap = colormaps["Blues"].with_extremes(bad="0.85")
    image = ax.imshow(np.ma.masked_invalid(shares), cmap=cmap, vmin=0, vmax=1, aspect="auto")
    if rows is not None:
        ax.set_yticks(range(len(rows)), rows)
    _name_columns(ax, columns)
    if own_figure:
        # Lay out the labels, which the size of a cell depends on.
        ax.get_figure(root=True).draw_without_rendering()
    size = _print_size(ax, shares.shape, texts)
    if size >= SMALLEST_PRINT:
        for (i, j), share in np.ndenumerate(shares):
            # On the darker blues white print has more contrast.
            color = "white" if share > 0.7 else "black"
            ax.text(j, i, texts[i][j], ha="center", va="center", color=color, fontsize=size)
    return image


def _name_columns(ax, columns):
    """Name the columns, upright where they would run into each other."""
    figure = ax.get_figure(root=True)
    inches = ax.get_window_extent().width / figure.dpi / len(columns)
    # A letter is some 0.6 of its size wide; 72 points are an inch; and names of rows take room.
    level = max(map(len, columns)) * 0.6 * LARGEST_PRINT / 72 < 0.6 * inches
    size = min(LARGEST_PRINT, max(SMALLEST_PRINT, 72 * inches * 0.85))
    rotation = 0 if level else 90
    ax.set_xticks(range(len(columns)), columns, rotation=rotation, fontsize=size)


def _print_size(ax, shape, texts):
    """Size of print in points that fits into the cells."""
    extent = ax.get_window_extent()
    points = 72 / ax.get_figure(root=True).dpi
    lines = [line for row in texts for text in row for line in text.split("\n")]
    n_lines = max(text.count("\n") + 1 for row in texts for text in row)
    width = extent.width * points / shape[1] / (0.65 * max(4, *map(len, lines)))
    return min(LARGEST_PRINT, width, extent.height * points / shape[0] / (1.35 * n_lines))
