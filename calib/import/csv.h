/* The importer of a profile's own text form. */
#pragma once

#include "import.h"

extern const ProfileImporter profile_importer_csv;
