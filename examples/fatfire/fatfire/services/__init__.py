"""The parts of fatfire: exchange knows rates, core what a household owns, integration the files of banks."""
