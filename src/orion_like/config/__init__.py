"""Settings: what may be configured, and where each value came from."""

from orion_like.config.options import OF_ARGUMENTS as OF_ARGUMENTS
from orion_like.config.options import OPTIONS as OPTIONS
from orion_like.config.options import SECTION_ALIASES as SECTION_ALIASES
from orion_like.config.options import SECTIONS as SECTIONS
from orion_like.config.options import Option as Option
from orion_like.config.settings import Settings as Settings
from orion_like.config.settings import default_database_path as default_database_path
from orion_like.config.settings import global_files as global_files
from orion_like.config.settings import load_settings as load_settings
from orion_like.config.settings import option_of as option_of
