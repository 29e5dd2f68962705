"""Deep convolutional inverse graphics network (Kulkarni et al., NIPS 2015), trained, measured."""
