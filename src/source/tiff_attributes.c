/* Tags of a TIFF directory as attributes. */
#include <tiffio.h>

#include "source/attribute_text.h"
#include "source/tiff_file.h"

/* A tag of more bytes is left out: pictures of the whole scanner are no attributes. */
#define TAG_BYTES_MAX (UINT64_C(1) << 20)

static const struct {
    uint16_t tag;
    const char *name;
} names[] = {
    {TIFFTAG_PHOTOMETRIC, "PhotometricInterpretation"},
    {TIFFTAG_THRESHHOLDING, "Threshholding"},
    {TIFFTAG_CELLWIDTH, "CellWidth"},
    {TIFFTAG_CELLLENGTH, "CellLength"},
    {TIFFTAG_DOCUMENTNAME, "DocumentName"},
    {TIFFTAG_IMAGEDESCRIPTION, "ImageDescription"},
    {TIFFTAG_MAKE, "Make"},
    {TIFFTAG_MODEL, "Model"},
    {TIFFTAG_ORIENTATION, "Orientation"},
    {TIFFTAG_MINSAMPLEVALUE, "MinSampleValue"},
    {TIFFTAG_MAXSAMPLEVALUE, "MaxSampleValue"},
    {TIFFTAG_XRESOLUTION, "XResolution"},
    {TIFFTAG_YRESOLUTION, "YResolution"},
    {TIFFTAG_PAGENAME, "PageName"},
    {TIFFTAG_XPOSITION, "XPosition"},
    {TIFFTAG_YPOSITION, "YPosition"},
    {TIFFTAG_GRAYRESPONSEUNIT, "GrayResponseUnit"},
    {TIFFTAG_GRAYRESPONSECURVE, "GrayResponseCurve"},
    {TIFFTAG_RESOLUTIONUNIT, "ResolutionUnit"},
    {TIFFTAG_PAGENUMBER, "PageNumber"},
    {TIFFTAG_TRANSFERFUNCTION, "TransferFunction"},
    {TIFFTAG_SOFTWARE, "Software"},
    {TIFFTAG_DATETIME, "DateTime"},
    {TIFFTAG_ARTIST, "Artist"},
    {TIFFTAG_HOSTCOMPUTER, "HostComputer"},
    {TIFFTAG_WHITEPOINT, "WhitePoint"},
    {TIFFTAG_PRIMARYCHROMATICITIES, "PrimaryChromaticities"},
    {TIFFTAG_COLORMAP, "ColorMap"},
    {TIFFTAG_HALFTONEHINTS, "HalftoneHints"},
    {TIFFTAG_INKSET, "InkSet"},
    {TIFFTAG_INKNAMES, "InkNames"},
    {TIFFTAG_NUMBEROFINKS, "NumberOfInks"},
    {TIFFTAG_DOTRANGE, "DotRange"},
    {TIFFTAG_TARGETPRINTER, "TargetPrinter"},
    {TIFFTAG_EXTRASAMPLES, "ExtraSamples"},
    {TIFFTAG_SMINSAMPLEVALUE, "SMinSampleValue"},
    {TIFFTAG_SMAXSAMPLEVALUE, "SMaxSampleValue"},
    {TIFFTAG_YCBCRCOEFFICIENTS, "YCbCrCoefficients"},
    {TIFFTAG_YCBCRPOSITIONING, "YCbCrPositioning"},
    {TIFFTAG_REFERENCEBLACKWHITE, "ReferenceBlackWhite"},
    {TIFFTAG_XMLPACKET, "XMP"},
    {TIFFTAG_COPYRIGHT, "Copyright"},
    {33550, "ModelPixelScaleTag"},
    {TIFFTAG_RICHTIFFIPTC, "IPTC"},
    {33922, "ModelTiepointTag"},
    {34264, "ModelTransformationTag"},
    {TIFFTAG_PHOTOSHOP, "Photoshop"},
    {TIFFTAG_ICCPROFILE, "ICCProfile"},
    {34735, "GeoKeyDirectoryTag"},
    {34736, "GeoDoubleParamsTag"},
    {34737, "GeoAsciiParamsTag"},
    {42112, "GDAL_METADATA"},
    {TSRI_TIFF_GDAL_NODATA, "GDAL_NODATA"},
    {50838, "IJMetadataByteCounts"},
    {50839, "IJMetadata"},
};

/* How the pixels lie, or where else in the file something is: nothing that an array has. */
static const uint16_t structural[] = {
    TIFFTAG_SUBFILETYPE,      TIFFTAG_OSUBFILETYPE,    TIFFTAG_IMAGEWIDTH,
    TIFFTAG_IMAGELENGTH,      TIFFTAG_BITSPERSAMPLE,   TIFFTAG_COMPRESSION,
    TIFFTAG_FILLORDER,        TIFFTAG_STRIPOFFSETS,    TIFFTAG_SAMPLESPERPIXEL,
    TIFFTAG_ROWSPERSTRIP,     TIFFTAG_STRIPBYTECOUNTS, TIFFTAG_PLANARCONFIG,
    TIFFTAG_FREEOFFSETS,      TIFFTAG_FREEBYTECOUNTS,  TIFFTAG_GROUP3OPTIONS,
    TIFFTAG_GROUP4OPTIONS,    TIFFTAG_PREDICTOR,       TIFFTAG_TILEWIDTH,
    TIFFTAG_TILELENGTH,       TIFFTAG_TILEOFFSETS,     TIFFTAG_TILEBYTECOUNTS,
    TIFFTAG_BADFAXLINES,      TIFFTAG_CLEANFAXDATA,    TIFFTAG_CONSECUTIVEBADFAXLINES,
    TIFFTAG_SUBIFD,           TIFFTAG_SAMPLEFORMAT,    TIFFTAG_JPEGTABLES,
    TIFFTAG_YCBCRSUBSAMPLING, TIFFTAG_IMAGEDEPTH,      TIFFTAG_TILEDEPTH,
    TIFFTAG_EXIFIFD,          TIFFTAG_GPSIFD,          TIFFTAG_INTEROPERABILITYIFD,
};

static bool is_structural(unsigned tag)
{
    for (size_t i = 0; i < TSRI_COUNT(structural); i++)
        if (structural[i] == tag)
            return true;
    return false;
}

static const tsr_dtype *type_of(unsigned type)
{
    switch (type) {
    case TSRI_TIFF_BYTE:
    case TSRI_TIFF_UNDEFINED:
        return TSR_UINT8;
    case TSRI_TIFF_SHORT:
        return TSR_UINT16;
    case TSRI_TIFF_LONG:
    case TSRI_TIFF_IFD:
        return TSR_UINT32;
    case TSRI_TIFF_LONG8:
    case TSRI_TIFF_IFD8:
        return TSR_UINT64;
    case TSRI_TIFF_SBYTE:
        return TSR_INT8;
    case TSRI_TIFF_SSHORT:
        return TSR_INT16;
    case TSRI_TIFF_SLONG:
        return TSR_INT32;
    case TSRI_TIFF_SLONG8:
        return TSR_INT64;
    case TSRI_TIFF_FLOAT:
        return TSR_FLOAT32;
    default:
        return TSR_FLOAT64;
    }
}

/* A quotient of two integers as the number that it is; of 0 by 0, NaN. */
static double quotient(unsigned type, const char *bytes)
{
    uint32_t whole[2];
    int32_t whole_signed[2];

    memcpy(whole, bytes, sizeof whole);
    memcpy(whole_signed, bytes, sizeof whole_signed);
    return type == TSRI_TIFF_RATIONAL ? (double)whole[0] / whole[1]
                                      : (double)whole_signed[0] / whole_signed[1];
}

static int append_numbers(const tsri_tiff_entry *entry, const char *bytes, tsr_output *output,
                          tsr_error *err)
{
    const tsr_dtype *dtype = type_of(entry->type);
    size_t each = tsri_tiff_value_bytes(entry->type);
    bool rational = entry->type == TSRI_TIFF_RATIONAL || entry->type == TSRI_TIFF_SRATIONAL;
    bool list = entry->count != 1;

    TSRI_TRY(tsr_output_print(output, err, "%s", list ? "[" : ""));
    for (size_t i = 0; i < entry->count; i++) {
        double value = rational ? quotient(entry->type, bytes + i * each) : 0;
        TSRI_TRY(tsr_output_print(output, err, "%s", i ? "," : ""));
        TSRI_TRY(tsri_attribute_number(dtype, rational ? (const void *)&value : bytes + i * each,
                                       output, err));
    }
    return tsr_output_print(output, err, "%s", list ? "]" : "");
}

static int append_name(const tsri_tiff_entry *entry, bool *first, tsr_output *output,
                       tsr_error *err)
{
    char number[16];
    const char *name = number;

    snprintf(number, sizeof number, "Tag%u", entry->tag);
    for (size_t i = 0; i < TSRI_COUNT(names); i++)
        if (names[i].tag == entry->tag)
            name = names[i].name;
    return tsri_attribute_name(name, first, output, err);
}

static int append_tag(const tsri_tiff_layout *layout, const tsri_tiff_entry *entry, bool *first,
                      tsr_output *output, tsr_error *err)
{
    size_t size_bytes = (size_t)entry->count * tsri_tiff_value_bytes(entry->type);
    tsr_auto(tsri_text) *bytes = tsri_alloc(size_bytes + 1);

    if (!bytes)
        return tsri_error_no_memory(err, size_bytes);
    TSRI_TRY(tsri_tiff_values(layout, entry, 0, (size_t)entry->count, bytes, err));
    TSRI_TRY(append_name(entry, first, output, err));
    bool is_text = entry->type == TSRI_TIFF_ASCII || entry->tag == TIFFTAG_XMLPACKET;
    return is_text ? tsri_attribute_text(bytes, size_bytes, output, err)
                   : append_numbers(entry, bytes, output, err);
}

static bool is_told(const tsri_tiff_layout *layout, const tsri_tiff_entry *entry)
{
    size_t each = tsri_tiff_value_bytes(entry->type);

    if (each == 0 || is_structural(entry->tag))
        return false;
    if (entry->count <= TAG_BYTES_MAX / each)
        return true;
    tsri_log(layout->input->context, TSR_LOG_WARNING, "tiff",
             "%s: tag %u of more than 1 MiB is left out", layout->input->path, entry->tag);
    return false;
}

int tsri_tiff_attributes(const tsri_tiff_layout *layout, const tsri_tiff_directory *directory,
                         const tsri_tiff_picture *picture, tsr_output *output, tsr_error *err)
{
    bool first = true;

    TSRI_TRY(tsr_output_print(output, err, "{"));
    for (size_t i = 0; i < directory->count; i++) {
        const tsri_tiff_entry *entry = &directory->entries[i];
        if (!is_told(layout, entry) || tsri_tiff_find(directory, entry->tag) != entry)
            continue; /* of a tag that comes twice the first one counts */
        if (entry->tag == TIFFTAG_PHOTOMETRIC) {
            /* As the elements are; libtiff makes RGB of YCbCr. */
            TSRI_TRY(append_name(entry, &first, output, err));
            TSRI_TRY(tsr_output_print(output, err, "%d", picture->photometric));
        } else {
            TSRI_TRY(append_tag(layout, entry, &first, output, err));
        }
    }
    TSRI_TRY(tsr_output_print(output, err, "}"));
    return tsr_output_append(output, "", 1, err);
}
