"""Pictures of a study: its curves, the moment of each stop, and the forecast that stood behind it."""

from lcstop.plots.html import draw_html
from lcstop.plots.picture import Band, DrawnTrial, Stop, StudyPicture, forecast_band
from lcstop.plots.png import draw_png

__all__ = ["Band", "DrawnTrial", "Stop", "StudyPicture", "draw_html", "draw_png", "forecast_band"]
