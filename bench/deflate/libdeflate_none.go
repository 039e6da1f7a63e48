//go:build !libdeflate || !cgo

package main

// Without the build tag libdeflate takes no part.

func libdeflateInflaters(history, [][]byte, int) []contestant { return nil }

func libdeflateCompressors(history, [][]byte) []contestant { return nil }
