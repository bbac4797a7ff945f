package main

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/xsignin/xsignin/xtest"
)

// setSwitch sets one switch, written as its name, or as name=value.
func setSwitch(s *xtest.Switches, setting string) error {
	name, value, given := strings.Cut(setting, "=")
	if !given {
		value = "true"
	}
	v := reflect.ValueOf(s).Elem().FieldByName(name)
	if !v.IsValid() || v.Kind() == reflect.Struct {
		return fmt.Errorf("%q is not a field of xtest.Switches", name)
	}
	parsed, err := parseSwitch(v.Interface(), value)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	v.Set(reflect.ValueOf(parsed).Convert(v.Type()))
	return nil
}

// parseSwitch reads a value of the kind that a switch has.
func parseSwitch(kind any, value string) (any, error) {
	switch kind.(type) {
	case bool:
		return strconv.ParseBool(value)
	case int:
		return strconv.Atoi(value)
	case time.Duration:
		return time.ParseDuration(value)
	case xtest.Refusal:
		for r := xtest.RefuseNothing; r <= xtest.RefuseEdgeDown; r++ {
			if r.String() == value {
				return r, nil
			}
		}
		return nil, fmt.Errorf("%q is not a refusal of package xtest, such as RefuseNoCredits", value)
	case xtest.Vocabulary:
		for v := xtest.BothVocabularies; v <= xtest.PostVocabulary; v++ {
			if v.String() == value {
				return v, nil
			}
		}
		return nil, fmt.Errorf("%q is not a vocabulary of package xtest, such as PostVocabulary", value)
	}
	return value, nil
}
