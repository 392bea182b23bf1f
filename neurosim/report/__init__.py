"""Results as files: a self-contained HTML page, and folders that appear whole."""

from .chips import write_comparison as write_comparison
from .html import Picture as Picture
from .html import Preformatted as Preformatted
from .html import Section as Section
from .html import Table as Table
from .html import write_report as write_report
from .outfolder import output_folder as output_folder
