# calib
