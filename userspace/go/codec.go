// SPDX-License-Identifier: LGPL-2.1-or-later

package kchan

import (
	"encoding/json"
	"fmt"
	"reflect"
	"unsafe"
)

// DefaultMaxSize is how many bytes a message has at most when its codec does not say.
const DefaultMaxSize = 4096

// A Codec says how elements of any type travel: each as a message. Its methods may be
// called by several goroutines at once.
type Codec[T any] interface {
	// MaxSize tells how many bytes a message has at most, for a channel that is made. A
	// channel that is opened knows that itself.
	MaxSize() int

	// Encode makes a message of v, of 1 byte at least. The message is not changed, and
	// not kept after the call that sends it.
	Encode(v T) ([]byte, error)

	// Decode makes *v of a message. It must not keep data.
	Decode(data []byte, v *T) error
}

type bytesCodec int

// Bytes is the codec of messages as they are, of up to maxSize bytes. A receive into a
// variable (RecvInto, [Select]) reuses the variable's memory if it has room.
func Bytes(maxSize int) Codec[[]byte] { return bytesCodec(maxSize) }

func (c bytesCodec) MaxSize() int                    { return int(c) }
func (c bytesCodec) Encode(v []byte) ([]byte, error) { return v, nil }
func (c bytesCodec) Decode(data []byte, v *[]byte) error {
	*v = append((*v)[:0], data...)
	return nil
}

type jsonCodec[T any] int

// JSON is the codec of elements as JSON texts, of up to maxSize bytes.
func JSON[T any](maxSize int) Codec[T] { return jsonCodec[T](maxSize) }

func (c jsonCodec[T]) MaxSize() int               { return int(c) }
func (c jsonCodec[T]) Encode(v T) ([]byte, error) { return json.Marshal(v) }
func (c jsonCodec[T]) Decode(data []byte, v *T) error {
	var fresh T

	*v = fresh // Unmarshal would leave the fields that data does not have.
	return json.Unmarshal(data, v)
}

// A layout is how elements of T travel.
type layout[T any] struct {
	codec Codec[T] // nil: the element's memory
	size  int      // of an element; with a codec, of the largest message
}

func layoutOf[T any](codecs []Codec[T]) (*layout[T], error) {
	switch {
	case len(codecs) > 1:
		return nil, fmt.Errorf("kchan: %d codecs for one channel", len(codecs))
	case len(codecs) == 1:
		l := &layout[T]{codecs[0], codecs[0].MaxSize()}
		if l.size == 0 {
			l.size = DefaultMaxSize
		}
		return l, nil
	}
	if c, ok := any(bytesCodec(DefaultMaxSize)).(Codec[T]); ok {
		return &layout[T]{c, DefaultMaxSize}, nil
	}
	t := reflect.TypeOf((*T)(nil)).Elem()
	if err := checkFixed(t); err != nil {
		return nil, fmt.Errorf("kchan: an element of type %v needs a codec: %w", t, err)
	}
	return &layout[T]{nil, int(t.Size())}, nil
}

// checkFixed tells why the memory of a type is not all that there is to its values.
func checkFixed(t reflect.Type) error {
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32,
		reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32,
		reflect.Uint64, reflect.Uintptr, reflect.Float32, reflect.Float64,
		reflect.Complex64, reflect.Complex128:
		return nil
	case reflect.Array:
		return checkFixed(t.Elem())
	case reflect.Struct:
		for i := 0; i < t.NumField(); i++ {
			if err := checkFixed(t.Field(i).Type); err != nil {
				return fmt.Errorf("field %s: %w", t.Field(i).Name, err)
			}
		}
		return nil
	}
	return fmt.Errorf("a %v has no fixed size, or a pointer: %w", t.Kind(), ErrType)
}

// memory is that of an element of fixed size.
func memory[T any](v *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v))
}

// encode gives the bytes that travel.
func (l *layout[T]) encode(v *T) ([]byte, error) {
	if l.codec == nil {
		return memory(v), nil
	}
	data, err := l.codec.Encode(*v)
	if err != nil {
		return nil, &Error{"encode", err}
	}
	return data, nil
}

// decode makes an element of the bytes that have travelled.
func (l *layout[T]) decode(data []byte, v *T) error {
	if l.codec == nil {
		copy(memory(v), data)
		return nil
	}
	if err := l.codec.Decode(data, v); err != nil {
		return &Error{"decode", err}
	}
	return nil
}
