//! Tag=value lists (section 3.2 with erratum 5070): signature fields and key records.
